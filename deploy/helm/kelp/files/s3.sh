# A small S3 client: curl signs. Needs ENDPOINT, KELP_ACCESS_KEY and KELP_SECRET_KEY.
# s3 METHOD /PATH [curl options]: prints the body; ends the script when the answer is none of $ACCEPT.
s3() {
  method=$1 path=$2
  shift 2
  status=$(curl --silent --show-error --output /tmp/answer --write-out '%{http_code}' --retry 5 --retry-all-errors --max-time 60 \
    --aws-sigv4 aws:amz:us-east-1:s3 --user "$KELP_ACCESS_KEY:$KELP_SECRET_KEY" --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
    --request "$method" "$@" "$ENDPOINT$path")
  case " ${ACCEPT:-200 204} " in
    *" $status "*) cat /tmp/answer ;;
    *) echo "$method $path: $status" >&2; cat /tmp/answer >&2; exit 1 ;;
  esac
}
