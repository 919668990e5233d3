# Makes what is not there. Takes nothing away.
# bucket NAME VERSIONING POLICY_FILE
bucket() {
  ACCEPT="200 409" s3 PUT "/$1" >/tmp/made
  if [ -s /tmp/made ] && ! grep -q BucketAlreadyOwnedByYou /tmp/made; then cat /tmp/made >&2; exit 1; fi
  if [ "$2" = true ]; then
    s3 PUT "/$1?versioning=" --data-binary '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>'
  fi
  if [ -s "$3" ]; then s3 PUT "/$1?policy=" --data-binary "@$3"; fi
  echo "bucket $1 is there"
}
