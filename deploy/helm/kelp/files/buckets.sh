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
# iam ACTION [curl options]: asks the same address for an action of IAM.
iam() {
  action=$1
  shift
  status=$(curl --silent --show-error --output /tmp/answer --write-out '%{http_code}' --retry 5 --retry-all-errors --max-time 60 \
    --aws-sigv4 aws:amz:us-east-1:iam --user "$KELP_ACCESS_KEY:$KELP_SECRET_KEY" --data "Action=$action&Version=2010-05-08" "$@" "$ENDPOINT/")
  case " $ACCEPT " in
    *" $status "*) ;;
    *) echo "$action: $status" >&2; cat /tmp/answer >&2; exit 1 ;;
  esac
}
# user NAME POLICY_FILE
user() {
  ACCEPT="200 409" iam CreateUser --data-urlencode "UserName=$1"
  ACCEPT=200 iam PutUserPolicy --data-urlencode "UserName=$1" --data PolicyName=chart --data-urlencode "PolicyDocument@$2"
  echo "user $1 is there"
}
