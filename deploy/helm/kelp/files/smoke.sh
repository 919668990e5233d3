# Put, get, multipart and a presigned address, in a bucket of its own that is gone afterwards.
bucket=kelp-test-$(od -An -N6 -tx1 /dev/urandom | tr -d ' \n')
s3 PUT "/$bucket" >/dev/null
head -c 6000000 /dev/urandom > /tmp/part
s3 PUT "/$bucket/whole" --upload-file /tmp/part >/dev/null
s3 GET "/$bucket/whole" > /tmp/back
cmp /tmp/part /tmp/back
upload=$(s3 POST "/$bucket/parts?uploads=" | sed -n 's/.*<UploadId>\([^<]*\)<.*/\1/p')
parts=
for number in 1 2; do
  s3 PUT "/$bucket/parts?partNumber=$number&uploadId=$upload" --upload-file /tmp/part --dump-header /tmp/head >/dev/null
  etag=$(sed -n 's/^[Ee][Tt][Aa][Gg]: *"\([^"]*\)".*/\1/p' /tmp/head)
  parts="$parts<Part><PartNumber>$number</PartNumber><ETag>$etag</ETag></Part>"
done
s3 POST "/$bucket/parts?uploadId=$upload" --data-binary "<CompleteMultipartUpload>$parts</CompleteMultipartUpload>" >/dev/null
s3 GET "/$bucket/parts" > /tmp/back
cat /tmp/part /tmp/part | cmp - /tmp/back
# Signature version 2 needs no more than a keyed hash.
expires=$(($(date +%s) + 300))
signature=$(printf 'GET\n\n\n%s\n/%s/whole' "$expires" "$bucket" | openssl dgst -sha1 -hmac "$KELP_SECRET_KEY" -binary | openssl base64 |
  sed 's/+/%2B/g; s#/#%2F#g; s/=/%3D/g')
curl --silent --fail "$ENDPOINT/$bucket/whole?AWSAccessKeyId=$KELP_ACCESS_KEY&Expires=$expires&Signature=$signature" | cmp - /tmp/part
for key in whole parts; do s3 DELETE "/$bucket/$key"; done
s3 DELETE "/$bucket"
echo "put, get, multipart and presigned: all well"
