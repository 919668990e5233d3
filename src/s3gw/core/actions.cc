#include "s3gw/core/actions.h"

#include <algorithm>
#include <array>

namespace kelp::s3 {
namespace {

struct Row {
  Operation operation;
  std::string_view action;
  std::string_view of_version = {};  ///< Empty: the same.
};

using enum Operation;

constexpr auto kActions = std::to_array<Row>({
    {kAbortMultipartUpload, "s3:abortmultipartupload"},
    {kCompleteMultipartUpload, "s3:putobject"},
    {kCopyObject, "s3:putobject"},
    {kCreateBucket, "s3:createbucket"},
    {kCreateBucketMetadataConfiguration, "s3:createbucketmetadatatableconfiguration"},
    {kCreateBucketMetadataTableConfiguration, "s3:createbucketmetadatatableconfiguration"},
    {kCreateMultipartUpload, "s3:putobject"},
    {kCreateSession, "s3express:createsession"},
    {kDeleteBucket, "s3:deletebucket"},
    {kDeleteBucketAnalyticsConfiguration, "s3:putanalyticsconfiguration"},
    {kDeleteBucketCors, "s3:putbucketcors"},
    {kDeleteBucketEncryption, "s3:putencryptionconfiguration"},
    {kDeleteBucketIntelligentTieringConfiguration, "s3:putintelligenttieringconfiguration"},
    {kDeleteBucketInventoryConfiguration, "s3:putinventoryconfiguration"},
    {kDeleteBucketLifecycle, "s3:putlifecycleconfiguration"},
    {kDeleteBucketMetadataConfiguration, "s3:deletebucketmetadatatableconfiguration"},
    {kDeleteBucketMetadataTableConfiguration, "s3:deletebucketmetadatatableconfiguration"},
    {kDeleteBucketMetricsConfiguration, "s3:putmetricsconfiguration"},
    {kDeleteBucketOwnershipControls, "s3:putbucketownershipcontrols"},
    {kDeleteBucketPolicy, "s3:deletebucketpolicy"},
    {kDeleteBucketReplication, "s3:putreplicationconfiguration"},
    {kDeleteBucketTagging, "s3:putbuckettagging"},
    {kDeleteBucketWebsite, "s3:deletebucketwebsite"},
    {kDeleteObject, "s3:deleteobject", "s3:deleteobjectversion"},
    {kDeleteObjectAnnotation, "s3:deleteobjectannotation"},
    {kDeleteObjectTagging, "s3:deleteobjecttagging", "s3:deleteobjectversiontagging"},
    {kDeletePublicAccessBlock, "s3:putbucketpublicaccessblock"},
    {kGetBucketAbac, "s3:getbucketabac"},
    {kGetBucketAccelerateConfiguration, "s3:getaccelerateconfiguration"},
    {kGetBucketAcl, "s3:getbucketacl"},
    {kGetBucketAnalyticsConfiguration, "s3:getanalyticsconfiguration"},
    {kGetBucketCors, "s3:getbucketcors"},
    {kGetBucketEncryption, "s3:getencryptionconfiguration"},
    {kGetBucketIntelligentTieringConfiguration, "s3:getintelligenttieringconfiguration"},
    {kGetBucketInventoryConfiguration, "s3:getinventoryconfiguration"},
    {kGetBucketLifecycleConfiguration, "s3:getlifecycleconfiguration"},
    {kGetBucketLocation, "s3:getbucketlocation"},
    {kGetBucketLogging, "s3:getbucketlogging"},
    {kGetBucketMetadataConfiguration, "s3:getbucketmetadatatableconfiguration"},
    {kGetBucketMetadataTableConfiguration, "s3:getbucketmetadatatableconfiguration"},
    {kGetBucketMetricsConfiguration, "s3:getmetricsconfiguration"},
    {kGetBucketNotificationConfiguration, "s3:getbucketnotification"},
    {kGetBucketOwnershipControls, "s3:getbucketownershipcontrols"},
    {kGetBucketPolicy, "s3:getbucketpolicy"},
    {kGetBucketPolicyStatus, "s3:getbucketpolicystatus"},
    {kGetBucketReplication, "s3:getreplicationconfiguration"},
    {kGetBucketRequestPayment, "s3:getbucketrequestpayment"},
    {kGetBucketTagging, "s3:getbuckettagging"},
    {kGetBucketVersioning, "s3:getbucketversioning"},
    {kGetBucketWebsite, "s3:getbucketwebsite"},
    {kGetObject, "s3:getobject", "s3:getobjectversion"},
    {kGetObjectAcl, "s3:getobjectacl", "s3:getobjectversionacl"},
    {kGetObjectAnnotation, "s3:getobjectannotation"},
    {kGetObjectAttributes, "s3:getobjectattributes", "s3:getobjectversionattributes"},
    {kGetObjectLegalHold, "s3:getobjectlegalhold"},
    {kGetObjectLockConfiguration, "s3:getbucketobjectlockconfiguration"},
    {kGetObjectRetention, "s3:getobjectretention"},
    {kGetObjectTagging, "s3:getobjecttagging", "s3:getobjectversiontagging"},
    {kGetObjectTorrent, "s3:getobjecttorrent", "s3:getobjectversiontorrent"},
    {kGetPublicAccessBlock, "s3:getbucketpublicaccessblock"},
    {kHeadBucket, "s3:listbucket"},
    {kHeadObject, "s3:getobject", "s3:getobjectversion"},
    {kListBucketAnalyticsConfigurations, "s3:getanalyticsconfiguration"},
    {kListBucketIntelligentTieringConfigurations, "s3:getintelligenttieringconfiguration"},
    {kListBucketInventoryConfigurations, "s3:getinventoryconfiguration"},
    {kListBucketMetricsConfigurations, "s3:getmetricsconfiguration"},
    {kListBuckets, "s3:listallmybuckets"},
    {kListMultipartUploads, "s3:listbucketmultipartuploads"},
    {kListObjectAnnotations, "s3:listobjectannotations"},
    {kListObjectVersions, "s3:listbucketversions"},
    {kListObjects, "s3:listbucket"},
    {kListObjectsV2, "s3:listbucket"},
    {kListParts, "s3:listmultipartuploadparts"},
    {kPostObject, "s3:putobject"},
    {kPutBucketAbac, "s3:putbucketabac"},
    {kPutBucketAccelerateConfiguration, "s3:putaccelerateconfiguration"},
    {kPutBucketAcl, "s3:putbucketacl"},
    {kPutBucketAnalyticsConfiguration, "s3:putanalyticsconfiguration"},
    {kPutBucketCors, "s3:putbucketcors"},
    {kPutBucketEncryption, "s3:putencryptionconfiguration"},
    {kPutBucketIntelligentTieringConfiguration, "s3:putintelligenttieringconfiguration"},
    {kPutBucketInventoryConfiguration, "s3:putinventoryconfiguration"},
    {kPutBucketLifecycleConfiguration, "s3:putlifecycleconfiguration"},
    {kPutBucketLogging, "s3:putbucketlogging"},
    {kPutBucketMetricsConfiguration, "s3:putmetricsconfiguration"},
    {kPutBucketNotificationConfiguration, "s3:putbucketnotification"},
    {kPutBucketOwnershipControls, "s3:putbucketownershipcontrols"},
    {kPutBucketPolicy, "s3:putbucketpolicy"},
    {kPutBucketReplication, "s3:putreplicationconfiguration"},
    {kPutBucketRequestPayment, "s3:putbucketrequestpayment"},
    {kPutBucketTagging, "s3:putbuckettagging"},
    {kPutBucketVersioning, "s3:putbucketversioning"},
    {kPutBucketWebsite, "s3:putbucketwebsite"},
    {kPutObject, "s3:putobject"},
    {kPutObjectAcl, "s3:putobjectacl", "s3:putobjectversionacl"},
    {kPutObjectAnnotation, "s3:putobjectannotation"},
    {kPutObjectLegalHold, "s3:putobjectlegalhold"},
    {kPutObjectLockConfiguration, "s3:putbucketobjectlockconfiguration"},
    {kPutObjectRetention, "s3:putobjectretention"},
    {kPutObjectTagging, "s3:putobjecttagging", "s3:putobjectversiontagging"},
    {kPutPublicAccessBlock, "s3:putbucketpublicaccessblock"},
    {kRenameObject, "s3:putobject"},
    {kRestoreObject, "s3:restoreobject"},
    {kSelectObjectContent, "s3:getobject", "s3:getobjectversion"},
    {kUpdateBucketMetadataAnnotationTableConfiguration,
     "s3:updatebucketmetadatajournaltableconfiguration"},
    {kUpdateBucketMetadataInventoryTableConfiguration,
     "s3:updatebucketmetadatainventorytableconfiguration"},
    {kUpdateBucketMetadataJournalTableConfiguration,
     "s3:updatebucketmetadatajournaltableconfiguration"},
    {kUpdateObjectEncryption, "s3:updateobjectencryption"},
    {kUploadPart, "s3:putobject"},
    {kUploadPartCopy, "s3:putobject"},
    {kWriteGetObjectResponse, "s3-object-lambda:writegetobjectresponse"},
});

constexpr std::size_t kNames = static_cast<std::size_t>(kPreflight) + 1;

/// The rows by the number of their operation.
constexpr std::array<Row, kNames> by_number() {
  std::array<Row, kNames> rows{};
  for (const Row& row : kActions) rows[static_cast<std::size_t>(row.operation)] = row;
  return rows;
}
constexpr std::array<Row, kNames> kByNumber = by_number();

struct Grantable {
  std::string_view action;
  GrantFor grant;
};

using enum GrantFor::Where;

constexpr auto kGrantable = std::to_array<Grantable>({
    {"s3:listbucket", {kBucket, Permission::kRead}},
    {"s3:listbucketversions", {kBucket, Permission::kRead}},
    {"s3:listbucketmultipartuploads", {kBucket, Permission::kRead}},
    {"s3:putobject", {kBucket, Permission::kWrite}},
    {"s3:deleteobject", {kBucket, Permission::kWrite}},
    {"s3:abortmultipartupload", {kBucket, Permission::kWrite}},
    {"s3:listmultipartuploadparts", {kBucket, Permission::kWrite}},
    {"s3:getbucketacl", {kBucket, Permission::kReadAcp}},
    {"s3:putbucketacl", {kBucket, Permission::kWriteAcp}},
    {"s3:getobject", {kObject, Permission::kRead}},
    {"s3:getobjectversion", {kObject, Permission::kRead}},
    {"s3:getobjecttorrent", {kObject, Permission::kRead}},
    {"s3:getobjectacl", {kObject, Permission::kReadAcp}},
    {"s3:getobjectversionacl", {kObject, Permission::kReadAcp}},
    {"s3:putobjectacl", {kObject, Permission::kWriteAcp}},
    {"s3:putobjectversionacl", {kObject, Permission::kWriteAcp}},
});

}  // namespace

std::string_view action_of(Operation operation, bool version) {
  const Row& row = kByNumber[static_cast<std::size_t>(operation)];
  return version && !row.of_version.empty() ? row.of_version : row.action;
}

GrantFor grant_for(std::string_view action) {
  const auto* const found = std::ranges::find(kGrantable, action, &Grantable::action);
  return found == kGrantable.end() ? GrantFor{} : found->grant;
}

}  // namespace kelp::s3
