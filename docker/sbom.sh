#!/bin/sh
# sbom.sh VERSION LINKED: what this image is made of, as SPDX 2.3 JSON on stdout. Runs in the image; LINKED is what linked.sh said.
set -eu
version=$1
linked=$2
installed=$(dpkg-query -W -f '${Package} ${Version} ${Architecture}\n')
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)
# The same parts have the same name, others another.
name=$version-$({ echo "$version $created $installed"; cat "$linked"; } | sha256sum | cut -c 1-32)

# packages KIND: packages of a list, one an element.
packages() {
  awk -v kind="$1" '{
    id = $1; gsub(/[+_]/, "-", id)
    purl = $1 "@" $2; gsub(/\+/, "%2B", purl); gsub(/:/, "%3A", purl); gsub(/~/, "%7E", purl)
    printf "  {\"SPDXID\": \"SPDXRef-%s-%s\", \"name\": \"%s\", \"versionInfo\": \"%s\",", kind, id, $1, $2
    printf " \"supplier\": \"NOASSERTION\", \"downloadLocation\": \"NOASSERTION\", \"filesAnalyzed\": false,"
    printf " \"externalRefs\": [{\"referenceCategory\": \"PACKAGE-MANAGER\", \"referenceType\": \"purl\","
    printf " \"referenceLocator\": \"pkg:deb/debian/%s?arch=%s\"}]},\n", purl, $3
  }'
}

# relations WHAT RELATION KIND: WHAT and each package of a list.
relations() {
  awk -v what="$1" -v relation="$2" -v kind="$3" '{
    id = $1; gsub(/[+_]/, "-", id)
    printf "  {\"spdxElementId\": \"%s\", \"relationshipType\": \"%s\", \"relatedSpdxElement\": \"SPDXRef-%s-%s\"},\n", what, relation, kind, id
  }'
}

cat <<HEAD
{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "kelp-$version",
 "documentNamespace": "https://spdx.org/spdxdocs/kelp-$name",
 "creationInfo": {"created": "$created", "creators": ["Tool: kelp-sbom"]},
 "packages": [
HEAD
echo "$installed" | packages deb
packages linked <"$linked"
cat <<MIDDLE
  {"SPDXID": "SPDXRef-kelp", "name": "kelp", "versionInfo": "$version", "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "licenseDeclared": "Apache-2.0"},
  {"SPDXID": "SPDXRef-image", "name": "kelp-image", "versionInfo": "$version", "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "filesAnalyzed": false, "primaryPackagePurpose": "CONTAINER"}
 ],
 "relationships": [
MIDDLE
echo "$installed" | relations SPDXRef-image CONTAINS deb
relations SPDXRef-kelp STATIC_LINK linked <"$linked"
cat <<TAIL
  {"spdxElementId": "SPDXRef-image", "relationshipType": "CONTAINS", "relatedSpdxElement": "SPDXRef-kelp"},
  {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-image"}
 ]}
TAIL
