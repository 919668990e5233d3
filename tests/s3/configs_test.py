#!/usr/bin/env python3
"""Configurations of buckets and CORS as current boto3 and browsers use them, each case over http and over https."""

import http.client
import ssl
import unittest
from urllib.parse import urlsplit

from boto3_world import Server, World, over_both

CORS = {"CORSRules": [{"ID": "pages", "AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["https://*.example"],
                       "AllowedHeaders": ["*"], "ExposeHeaders": ["ETag"], "MaxAgeSeconds": 300}]}
RULES = [{"ID": "old", "Status": "Enabled", "Filter": {"And": {"Prefix": "logs/", "Tags": [{"Key": "a", "Value": "b"}]}},
          "Expiration": {"Days": 365}, "Transitions": [{"Days": 30, "StorageClass": "STANDARD_IA"}],
          "NoncurrentVersionExpiration": {"NoncurrentDays": 7, "NewerNoncurrentVersions": 3}}]
WEBSITE = {"IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"},
           "RoutingRules": [{"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}}]}
NOTIFICATION = {"QueueConfigurations": [{"Id": "q", "QueueArn": "arn:aws:sqs:us-east-1:123456789012:queue",
                                         "Events": ["s3:ObjectCreated:*"],
                                         "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}]}}}]}
INVENTORY = {"Id": "week", "IsEnabled": True, "IncludedObjectVersions": "All", "Schedule": {"Frequency": "Weekly"},
             "OptionalFields": ["Size", "ETag"],
             "Destination": {"S3BucketDestination": {"Bucket": "arn:aws:s3:::lists", "Format": "CSV"}}}
TIERING = {"Id": "cold", "Status": "Enabled", "Tierings": [{"Days": 90, "AccessTier": "ARCHIVE_ACCESS"}]}
ANALYTICS = {"Id": "use", "StorageClassAnalysis": {"DataExport": {
    "OutputSchemaVersion": "V_1", "Destination": {"S3BucketDestination": {"Format": "CSV", "Bucket": "arn:aws:s3:::lists"}}}}}
METRICS = {"Id": "all", "Filter": {"Prefix": "x"}}


class Cases(World):
    """Every test of the two transports."""

    def browser(self, method, bucket, key="", **headers):
        """(status, headers in lower case) of an unsigned request, as a page sends it."""
        url = urlsplit(self.s3.meta.endpoint_url)
        if self.transport == "https":
            trust = ssl.create_default_context(cafile=str(self.certificate))
            connection = http.client.HTTPSConnection(url.hostname, url.port, context=trust)
        else:
            connection = http.client.HTTPConnection(url.hostname, url.port)
        lines = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/{bucket}/{key}", headers=lines)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}

    def test_cors_is_kept_and_counts(self):
        bucket = self.new_bucket()
        self.refused("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, Bucket=bucket)
        self.s3.put_bucket_cors(Bucket=bucket, CORSConfiguration=CORS)
        self.assertEqual(self.s3.get_bucket_cors(Bucket=bucket)["CORSRules"], CORS["CORSRules"])
        asks = {"Origin": "https://www.example", "Access_Control_Request_Method": "PUT",
                "Access_Control_Request_Headers": "Content-Type, X-Amz-Date"}
        status, headers = self.browser("OPTIONS", bucket, "k", **asks)
        self.assertEqual(status, 200)
        self.assertEqual(headers["access-control-allow-origin"], "https://www.example")
        self.assertEqual(headers["access-control-allow-methods"], "GET, PUT")
        self.assertEqual(headers["access-control-allow-headers"], "content-type, x-amz-date")
        self.assertEqual(headers["access-control-max-age"], "300")
        self.assertEqual(self.browser("OPTIONS", bucket, "k", **(asks | {"Origin": "https://evil"}))[0], 403)
        status, headers = self.browser("GET", bucket, "k", Origin="https://www.example")
        self.assertEqual((status, headers["access-control-expose-headers"]), (403, "ETag"))
        self.assertNotIn("access-control-allow-origin", self.browser("GET", bucket, "k")[1])
        self.s3.delete_bucket_cors(Bucket=bucket)
        self.assertEqual(self.browser("OPTIONS", bucket, "k", **asks)[0], 403)
        wrong = {"CORSRules": [{"AllowedMethods": ["PATCH"], "AllowedOrigins": ["*"]}]}
        self.refused("InvalidRequest", 400, self.s3.put_bucket_cors, Bucket=bucket, CORSConfiguration=wrong)

    def test_lifecycle(self):
        bucket = self.new_bucket()
        self.refused("NoSuchLifecycleConfiguration", 404, self.s3.get_bucket_lifecycle_configuration, Bucket=bucket)
        self.s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": RULES},
                                                   TransitionDefaultMinimumObjectSize="varies_by_storage_class")
        kept = self.s3.get_bucket_lifecycle_configuration(Bucket=bucket)
        self.assertEqual(kept["Rules"], RULES)
        self.assertEqual(kept["TransitionDefaultMinimumObjectSize"], "varies_by_storage_class")
        wrong = {"Rules": [RULES[0] | {"Expiration": {"Days": 0}}]}
        answer = self.refused("InvalidArgument", 400, self.s3.put_bucket_lifecycle_configuration, Bucket=bucket,
                              LifecycleConfiguration=wrong)
        self.assertEqual(answer["Error"]["Message"], "'Days' for Expiration action must be a positive integer")
        self.s3.delete_bucket_lifecycle(Bucket=bucket)
        self.refused("NoSuchLifecycleConfiguration", 404, self.s3.get_bucket_lifecycle_configuration, Bucket=bucket)

    def test_website(self):
        bucket = self.new_bucket()
        self.s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=WEBSITE)
        kept = self.s3.get_bucket_website(Bucket=bucket)
        self.assertEqual({name: kept[name] for name in WEBSITE}, WEBSITE)
        self.s3.delete_bucket_website(Bucket=bucket)
        self.refused("NoSuchWebsiteConfiguration", 404, self.s3.get_bucket_website, Bucket=bucket)

    def test_logging(self):
        bucket, logs = self.new_bucket(), self.new_bucket()
        enabled = {"LoggingEnabled": {"TargetBucket": logs, "TargetPrefix": "access/"}}
        self.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus=enabled)
        self.assertEqual(self.s3.get_bucket_logging(Bucket=bucket)["LoggingEnabled"], enabled["LoggingEnabled"])
        self.s3.put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
        self.assertNotIn("LoggingEnabled", self.s3.get_bucket_logging(Bucket=bucket))
        enabled["LoggingEnabled"]["TargetBucket"] = "no-such-bucket"
        self.refused("InvalidTargetBucketForLogging", 400, self.s3.put_bucket_logging, Bucket=bucket,
                     BucketLoggingStatus=enabled)

    def test_notification(self):
        bucket = self.new_bucket()
        self.refused("InvalidArgument", 400, self.s3.put_bucket_notification_configuration, Bucket=bucket,
                     NotificationConfiguration=NOTIFICATION)
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=NOTIFICATION,
                                                      SkipDestinationValidation=True)
        kept = self.s3.get_bucket_notification_configuration(Bucket=bucket)
        self.assertEqual(kept["QueueConfigurations"], NOTIFICATION["QueueConfigurations"])
        self.s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
        self.assertNotIn("QueueConfigurations", self.s3.get_bucket_notification_configuration(Bucket=bucket))

    def test_replication(self):
        bucket, copy = self.new_bucket(), self.new_bucket()
        rule = {"ID": "all", "Priority": 1, "Filter": {"Prefix": ""}, "Status": "Enabled",
                "DeleteMarkerReplication": {"Status": "Disabled"}, "Destination": {"Bucket": f"arn:aws:s3:::{copy}"}}
        wanted = {"Role": "arn:aws:iam::123456789012:role/copy", "Rules": [rule]}
        self.refused("InvalidRequest", 400, self.s3.put_bucket_replication, Bucket=bucket, ReplicationConfiguration=wanted)
        for name in (bucket, copy):
            self.s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        self.s3.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=wanted)
        self.assertEqual(self.s3.get_bucket_replication(Bucket=bucket)["ReplicationConfiguration"], wanted)
        self.refused("InvalidBucketState", 409, self.s3.put_bucket_versioning, Bucket=bucket,
                     VersioningConfiguration={"Status": "Suspended"})
        self.s3.delete_bucket_replication(Bucket=bucket)
        self.refused("ReplicationConfigurationNotFoundError", 404, self.s3.get_bucket_replication, Bucket=bucket)

    def test_switches(self):
        bucket = self.new_bucket()
        self.assertEqual(self.s3.get_bucket_request_payment(Bucket=bucket)["Payer"], "BucketOwner")
        self.s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": "Requester"})
        self.assertEqual(self.s3.get_bucket_request_payment(Bucket=bucket)["Payer"], "Requester")
        self.assertNotIn("Status", self.s3.get_bucket_accelerate_configuration(Bucket=bucket))
        self.s3.put_bucket_accelerate_configuration(Bucket=bucket, AccelerateConfiguration={"Status": "Suspended"})
        self.assertEqual(self.s3.get_bucket_accelerate_configuration(Bucket=bucket)["Status"], "Suspended")
        self.assertEqual(self.s3.get_bucket_abac(Bucket=bucket)["AbacStatus"]["Status"], "Disabled")
        self.s3.put_bucket_abac(Bucket=bucket, AbacStatus={"Status": "Enabled"})
        self.assertEqual(self.s3.get_bucket_abac(Bucket=bucket)["AbacStatus"]["Status"], "Enabled")

    def one_by_id(self, shape, document, put, get, listed, delete):
        bucket = self.new_bucket()
        self.assertNotIn(f"{shape}List", listed(Bucket=bucket))
        put(Bucket=bucket, Id=document["Id"], **{shape: document})
        self.assertEqual(get(Bucket=bucket, Id=document["Id"])[shape], document)
        self.assertEqual(listed(Bucket=bucket)[f"{shape}List"], [document])
        delete(Bucket=bucket, Id=document["Id"])
        self.refused("NoSuchConfiguration", 404, get, Bucket=bucket, Id=document["Id"])

    def test_those_that_have_an_id(self):
        s3 = self.s3
        s3.create_bucket(Bucket="lists")
        self.one_by_id("InventoryConfiguration", INVENTORY, s3.put_bucket_inventory_configuration,
                       s3.get_bucket_inventory_configuration, s3.list_bucket_inventory_configurations,
                       s3.delete_bucket_inventory_configuration)
        self.one_by_id("IntelligentTieringConfiguration", TIERING, s3.put_bucket_intelligent_tiering_configuration,
                       s3.get_bucket_intelligent_tiering_configuration, s3.list_bucket_intelligent_tiering_configurations,
                       s3.delete_bucket_intelligent_tiering_configuration)
        self.one_by_id("AnalyticsConfiguration", ANALYTICS, s3.put_bucket_analytics_configuration,
                       s3.get_bucket_analytics_configuration, s3.list_bucket_analytics_configurations,
                       s3.delete_bucket_analytics_configuration)
        self.one_by_id("MetricsConfiguration", METRICS, s3.put_bucket_metrics_configuration,
                       s3.get_bucket_metrics_configuration, s3.list_bucket_metrics_configurations,
                       s3.delete_bucket_metrics_configuration)

    def test_they_go_with_their_bucket(self):
        gone = self.new_bucket()
        self.s3.put_bucket_cors(Bucket=gone, CORSConfiguration=CORS)
        self.s3.delete_bucket(Bucket=gone)
        self.s3.create_bucket(Bucket=gone)
        self.refused("NoSuchCORSConfiguration", 404, self.s3.get_bucket_cors, Bucket=gone)

    def test_another_account_is_refused(self):
        bucket = self.new_bucket()
        other = self.make_client("second-account", "second-secret-key-0123456789")
        self.refused("AccessDenied", 403, other.put_bucket_cors, Bucket=bucket, CORSConfiguration=CORS)
        self.refused("AccessDenied", 403, other.get_bucket_website, Bucket=bucket)
        self.refused("AccessDenied", 403, other.list_bucket_metrics_configurations, Bucket=bucket)


Http, Https = over_both(Cases)
setUpModule, tearDownModule = Server.start, Server.stop

if __name__ == "__main__":
    unittest.main(verbosity=2)
