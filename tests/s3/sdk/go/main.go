// A session of two Go SDKs against one endpoint, with nothing set but the address and the keys: awssdk | minio.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/feature/s3/manager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/minio/minio-go/v7"
	miniocredentials "github.com/minio/minio-go/v7/pkg/credentials"
)

var sizes = []int{0, 1, 8192, 100_000, 6 << 20, 17 << 20}

func check(err error, what string) {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
}

func must(holds bool, what string) {
	if !holds {
		check(errors.New("is not so"), what)
	}
}

func pattern(size int) []byte {
	body := make([]byte, size)
	for at := range body {
		body[at] = byte(at*7 + at>>8)
	}
	return body
}

func same(reader io.Reader, want []byte, what string) {
	got, err := io.ReadAll(reader)
	check(err, what)
	must(sha256.Sum256(got) == sha256.Sum256(want), what+": the same bytes")
}

// byURL does what a browser would with a presigned address.
func byURL(method, address string, body []byte) []byte {
	request, err := http.NewRequest(method, address, bytes.NewReader(body))
	check(err, "request")
	answer, err := http.DefaultClient.Do(request)
	check(err, method+" of a presigned address")
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	check(err, "answer")
	must(answer.StatusCode == 200, fmt.Sprintf("%s of a presigned address: %d %s", method, answer.StatusCode, text))
	return text
}

func awsSession(ctx context.Context, endpoint, access, secret string) {
	settings := aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider(access, secret, "")}
	client := s3.NewFromConfig(settings, func(options *s3.Options) {
		options.BaseEndpoint = &endpoint
		options.UsePathStyle = true
	})
	bucket := aws.String("go-aws-" + strings.SplitN(endpoint, ":", 2)[0])
	_, err := client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: bucket})
	check(err, "CreateBucket")
	uploader := manager.NewUploader(client)
	for _, size := range sizes {
		body, key := pattern(size), aws.String(fmt.Sprintf("dir a/%d", size))
		if size <= 6<<20 {
			_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: bytes.NewReader(body),
				Metadata: map[string]string{"size": fmt.Sprint(size)}, ContentType: aws.String("text/x-kelp")})
		} else {
			_, err = uploader.Upload(ctx, &s3.PutObjectInput{Bucket: bucket, Key: key, Body: io.MultiReader(bytes.NewReader(body))})
		}
		check(err, "put "+*key)
		got, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: key})
		check(err, "get "+*key)
		same(got.Body, body, *key)
		head, err := client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: bucket, Key: key, ChecksumMode: types.ChecksumModeEnabled})
		check(err, "head "+*key)
		must(*head.ContentLength == int64(size), "length of "+*key)
		must(head.ChecksumCRC32 != nil || head.ChecksumCRC64NVME != nil, "a checksum of "+*key)
	}
	ranged, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("dir a/100000"), Range: aws.String("bytes=8190-8200")})
	check(err, "range")
	same(ranged.Body, pattern(100_000)[8190:8201], "range")
	pages, seen := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: bucket, MaxKeys: aws.Int32(2)}), 0
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		check(err, "list")
		seen += len(page.Contents)
	}
	must(seen == len(sizes), "all keys are listed")
	_, err = client.CopyObject(ctx, &s3.CopyObjectInput{Bucket: bucket, Key: aws.String("copy"), CopySource: aws.String(*bucket + "/" + url.PathEscape("dir a/100000"))})
	check(err, "copy")
	signer := s3.NewPresignClient(client)
	get, err := signer.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("copy")})
	check(err, "presign")
	same(bytes.NewReader(byURL("GET", get.URL, nil)), pattern(100_000), "presigned get")
	put, err := signer.PresignPutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("by address")})
	check(err, "presign")
	byURL("PUT", put.URL, []byte("x"))
	_, err = client.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})
	var missing *types.NoSuchKey
	must(errors.As(err, &missing), "NoSuchKey is known")
	_, err = client.PutObject(ctx, &s3.PutObjectInput{Bucket: bucket, Key: aws.String("copy"), Body: strings.NewReader("x"), IfNoneMatch: aws.String("*")})
	must(err != nil && strings.Contains(err.Error(), "PreconditionFailed"), "a condition is kept")
	var keys []types.ObjectIdentifier
	for _, size := range sizes {
		keys = append(keys, types.ObjectIdentifier{Key: aws.String(fmt.Sprintf("dir a/%d", size))})
	}
	keys = append(keys, types.ObjectIdentifier{Key: aws.String("copy")}, types.ObjectIdentifier{Key: aws.String("by address")})
	_, err = client.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: bucket, Delete: &types.Delete{Objects: keys}})
	check(err, "DeleteObjects")
	_, err = client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: bucket})
	check(err, "DeleteBucket")
}

func minioSession(ctx context.Context, endpoint, access, secret string) {
	address, err := url.Parse(endpoint)
	check(err, "endpoint")
	client, err := minio.New(address.Host, &minio.Options{Creds: miniocredentials.NewStaticV4(access, secret, ""), Secure: address.Scheme == "https"})
	check(err, "client")
	bucket := "go-minio-" + address.Scheme
	check(client.MakeBucket(ctx, bucket, minio.MakeBucketOptions{}), "MakeBucket")
	for _, size := range sizes {
		body, key := pattern(size), fmt.Sprintf("dir a/%d", size)
		_, err := client.PutObject(ctx, bucket, key, bytes.NewReader(body), int64(size), minio.PutObjectOptions{PartSize: 5 << 20, UserMetadata: map[string]string{"size": fmt.Sprint(size)}})
		check(err, "put "+key)
		got, err := client.GetObject(ctx, bucket, key, minio.GetObjectOptions{})
		check(err, "get "+key)
		same(got, body, key)
	}
	_, err = client.PutObject(ctx, bucket, "of unknown length", io.MultiReader(bytes.NewReader(pattern(7<<20))), -1, minio.PutObjectOptions{PartSize: 5 << 20})
	check(err, "put of unknown length")
	seen := 0
	for object := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
		check(object.Err, "list")
		seen++
	}
	must(seen == len(sizes)+1, "all keys are listed")
	_, err = client.CopyObject(ctx, minio.CopyDestOptions{Bucket: bucket, Object: "copy"}, minio.CopySrcOptions{Bucket: bucket, Object: "dir a/100000"})
	check(err, "copy")
	get, err := client.PresignedGetObject(ctx, bucket, "copy", time.Hour, nil)
	check(err, "presign")
	same(bytes.NewReader(byURL("GET", get.String(), nil)), pattern(100_000), "presigned get")
	put, err := client.PresignedPutObject(ctx, bucket, "by address", time.Hour)
	check(err, "presign")
	byURL("PUT", put.String(), []byte("x"))
	_, err = client.StatObject(ctx, bucket, "none", minio.StatObjectOptions{})
	must(minio.ToErrorResponse(err).Code == "NoSuchKey", "NoSuchKey is known")
	gone := make(chan minio.ObjectInfo, 32)
	for object := range client.ListObjects(ctx, bucket, minio.ListObjectsOptions{Recursive: true}) {
		gone <- object
	}
	close(gone)
	for failure := range client.RemoveObjects(ctx, bucket, gone, minio.RemoveObjectsOptions{}) {
		check(failure.Err, "RemoveObjects")
	}
	check(client.RemoveBucket(ctx, bucket), "RemoveBucket")
}

func main() {
	sessions := map[string]func(context.Context, string, string, string){"awssdk": awsSession, "minio": minioSession}
	ctx, stop := context.WithTimeout(context.Background(), 2*time.Minute)
	defer stop()
	sessions[os.Args[1]](ctx, os.Getenv("KELP_ENDPOINT"), os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"))
	fmt.Println(os.Args[1], "ok")
}
