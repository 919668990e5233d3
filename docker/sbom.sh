#!/bin/sh
# sbom.sh VERSION: what this image is made of, as SPDX 2.3 JSON on stdout. Runs in the image.
set -eu
version=$1
created=$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)
cat <<HEAD
{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "kelp-$version",
 "documentNamespace": "https://spdx.org/spdxdocs/kelp-$version",
 "creationInfo": {"created": "$created", "creators": ["Tool: kelp-sbom"]},
 "packages": [
HEAD
dpkg-query -W -f '  {"SPDXID": "SPDXRef-deb-${binary:Package}", "name": "${binary:Package}", "versionInfo": "${Version}", "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": "pkg:deb/debian/${Package}@${Version}?arch=${Architecture}"}]},\n' |
  sed 's/\(SPDXRef-deb-[^"]*\):/\1-/'
cat <<TAIL
  {"SPDXID": "SPDXRef-kelp", "name": "kelp", "versionInfo": "$version", "supplier": "NOASSERTION", "downloadLocation": "NOASSERTION", "licenseDeclared": "Apache-2.0"}
 ],
 "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-kelp"}]}
TAIL
