// The package by which Thanos, Loki, Mimir and Cortex keep their data in S3, used as they do. OBJSTORE names the file with its
// configuration, whose bucket is there and empty.
package objstore_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-kit/log"
	"github.com/thanos-io/objstore"
	"github.com/thanos-io/objstore/providers/s3"
	"gopkg.in/yaml.v2"
)

const mebibyte = 1 << 20

// settings are the `config` of the file.
func settings(t *testing.T) map[string]any {
	t.Helper()
	text, err := os.ReadFile(os.Getenv("OBJSTORE"))
	must(t, err)
	var file struct {
		Type   string
		Config map[string]any
	}
	must(t, yaml.UnmarshalStrict(text, &file))
	if file.Type != "S3" {
		t.Fatalf("type %q", file.Type)
	}
	return file.Config
}

// connect is the bucket with some settings changed.
func connect(t *testing.T, changed map[string]any) *s3.Bucket {
	t.Helper()
	config := settings(t)
	maps.Copy(config, changed)
	text, err := yaml.Marshal(config)
	must(t, err)
	bucket, err := s3.NewBucket(log.NewNopLogger(), text, "acceptance", nil)
	must(t, err)
	return bucket
}

// open is the same for the time of the test, whose objects can be deleted afterwards.
func open(t *testing.T, changed map[string]any) *s3.Bucket {
	t.Helper()
	bucket := connect(t, changed)
	t.Cleanup(func() {
		objstore.EmptyBucket(t, context.Background(), bucket)
		if left := names(t, bucket, "", objstore.WithRecursiveIter()); len(left) > 0 {
			t.Errorf("left after deletes: %v", left)
		}
	})
	return bucket
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t testing.TB, found, expected any) {
	t.Helper()
	if !reflect.DeepEqual(found, expected) {
		t.Fatalf("%.300v and not %.300v", found, expected)
	}
}

func names(t testing.TB, bucket objstore.Bucket, folder string, options ...objstore.IterOption) []string {
	t.Helper()
	var found []string
	must(t, bucket.Iter(context.Background(), folder, func(name string) error {
		found = append(found, name)
		return nil
	}, options...))
	return found
}

func noise(size int) []byte {
	body := make([]byte, size)
	rand.Read(body)
	return body
}

func body(t testing.TB, reader io.ReadCloser, err error) []byte {
	t.Helper()
	must(t, err)
	defer reader.Close()
	found, err := io.ReadAll(reader)
	must(t, err)
	return found
}

// atOnce runs work(0), work(1) ... in as many goroutines; the first error ends the test.
func atOnce(t *testing.T, count int, work func(int) error) {
	t.Helper()
	errs := make([]error, count)
	var all sync.WaitGroup
	for number := range count {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[number] = work(number)
		}()
	}
	all.Wait()
	for _, err := range errs {
		must(t, err)
	}
}

// TestContract is the package's own: what every store has to do.
func TestContract(t *testing.T) {
	objstore.AcceptanceTest(t, open(t, nil))
}

func TestContractBelowAPrefix(t *testing.T) {
	objstore.AcceptanceTest(t, objstore.NewPrefixedBucket(open(t, nil), "tenant/one"))
}

func TestContractOfListingVersion1(t *testing.T) {
	objstore.AcceptanceTest(t, open(t, map[string]any{"list_objects_version": "v1"}))
}

// TestBlocks: blocks of a Thanos sidecar, several at once, and what a compactor does with them.
func TestBlocks(t *testing.T) {
	ctx, bucket, folder := context.Background(), open(t, map[string]any{"part_size": 5 * mebibyte}), t.TempDir()
	files := map[string][]byte{"meta.json": []byte(`{"version":1}`), "index": noise(12*mebibyte + 7), "chunks/000001": noise(6 * mebibyte)}
	for name, content := range files {
		must(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o755))
		must(t, os.WriteFile(filepath.Join(folder, name), content, 0o644))
	}
	blocks := []string{"01J0000000000000000000000A", "01J0000000000000000000000B", "01J0000000000000000000000C"}
	atOnce(t, len(blocks), func(number int) error {
		return objstore.UploadDir(ctx, log.NewNopLogger(), bucket, folder, blocks[number], objstore.WithUploadConcurrency(4))
	})
	same(t, names(t, bucket, ""), []string{blocks[0] + "/", blocks[1] + "/", blocks[2] + "/"})
	for _, block := range blocks {
		down := t.TempDir()
		must(t, objstore.DownloadDir(ctx, log.NewNopLogger(), bucket, block, block, down, objstore.WithFetchConcurrency(4)))
		for name, content := range files {
			found, err := os.ReadFile(filepath.Join(down, name))
			must(t, err)
			if !bytes.Equal(found, content) {
				t.Fatalf("%s/%s came back different", block, name)
			}
		}
	}
	for name := range files {
		must(t, bucket.Delete(ctx, blocks[1]+"/"+name))
	}
	same(t, names(t, bucket, ""), []string{blocks[0] + "/", blocks[2] + "/"})
}

// TestRanges: a store gateway reads postings and chunks out of the middle, many at once.
func TestRanges(t *testing.T) {
	ctx, bucket, index := context.Background(), open(t, map[string]any{"part_size": 5 * mebibyte}), noise(16*mebibyte+1)
	must(t, bucket.Upload(ctx, "index", bytes.NewReader(index)))
	atOnce(t, 64, func(number int) error {
		offset := number * len(index) / 64
		for _, length := range []int{1, 100, 70_000, mebibyte} {
			reader, err := bucket.GetRange(ctx, "index", int64(offset), int64(length))
			if err != nil {
				return err
			}
			found, err := io.ReadAll(reader)
			reader.Close()
			if err != nil || !bytes.Equal(found, index[offset:min(offset+length, len(index))]) {
				return fmt.Errorf("%d bytes from %d: %d bytes, %v", length, offset, len(found), err)
			}
		}
		return nil
	})
	reader, err := bucket.GetRange(ctx, "index", int64(len(index)-9), -1)
	if !bytes.Equal(body(t, reader, err), index[len(index)-9:]) {
		t.Fatal("the end is another")
	}
}

// TestChunks: an ingester of Loki flushes chunks under keys with colons; what lists them sees all, in order, with their times.
func TestChunks(t *testing.T) {
	ctx, bucket, begun := context.Background(), open(t, nil), time.Now().Add(-time.Minute)
	key := func(number int) string {
		return fmt.Sprintf("fake/%016x/%x:%x:%x", number%16, 0x18f3c0a1b2c+number, 0x18f3c0b1b2c+number, number*7919)
	}
	const writers, each = 24, 50
	content := func(number int) []byte { return bytes.Repeat([]byte(key(number)), 1+number%40) }
	atOnce(t, writers, func(writer int) error {
		for number := writer * each; number < (writer+1)*each; number++ {
			if err := bucket.Upload(ctx, key(number), bytes.NewReader(content(number))); err != nil {
				return err
			}
		}
		return nil
	})
	var expected, found []string
	for number := range writers * each {
		expected = append(expected, key(number))
	}
	slices.Sort(expected)
	must(t, bucket.IterWithAttributes(ctx, "fake", func(attributes objstore.IterObjectAttributes) error {
		changed, told := attributes.LastModified()
		if !told || changed.Before(begun) || changed.After(time.Now().Add(time.Minute)) {
			return fmt.Errorf("%s was changed at %v", attributes.Name, changed)
		}
		found = append(found, attributes.Name)
		return nil
	}, objstore.WithRecursiveIter(), objstore.WithUpdatedAt()))
	same(t, found, expected)
	same(t, len(names(t, bucket, "fake/")), 16)
	atOnce(t, writers, func(writer int) error {
		number := writer*each + writer
		attributes, err := bucket.Attributes(ctx, key(number))
		if err != nil || attributes.Size != int64(len(content(number))) {
			return fmt.Errorf("%s: %v, %v", key(number), attributes, err)
		}
		reader, err := bucket.Get(ctx, key(number))
		if err != nil {
			return err
		}
		defer reader.Close()
		if found, err := io.ReadAll(reader); err != nil || !bytes.Equal(found, content(number)) {
			return fmt.Errorf("%s came back different: %v", key(number), err)
		}
		return nil
	})
}

// TestOverwrite: an object that is replaced while others read it is the old one or the new one.
func TestOverwrite(t *testing.T) {
	ctx, bucket := context.Background(), open(t, map[string]any{"part_size": 5 * mebibyte})
	version := func(number int) []byte { return bytes.Repeat([]byte{byte('a' + number)}, 6*mebibyte) }
	must(t, bucket.Upload(ctx, "bucket-index.json.gz", bytes.NewReader(version(0))))
	atOnce(t, 4, func(worker int) error {
		for number := range 6 {
			if worker == 0 {
				if err := bucket.Upload(ctx, "bucket-index.json.gz", bytes.NewReader(version(number+1))); err != nil {
					return err
				}
				continue
			}
			reader, err := bucket.Get(ctx, "bucket-index.json.gz")
			if err != nil {
				return err
			}
			found, err := io.ReadAll(reader)
			reader.Close()
			if err == nil && !bytes.Equal(found, bytes.Repeat(found[:1], 6*mebibyte)) {
				return fmt.Errorf("a mixture of versions was read")
			}
		}
		return nil
	})
	reader, err := bucket.Get(ctx, "bucket-index.json.gz")
	same(t, body(t, reader, err)[0], byte('a'+6))
}

// TestErrors: what is not there and what is not allowed are told apart.
func TestErrors(t *testing.T) {
	ctx, bucket := context.Background(), open(t, nil)
	_, err := bucket.Attributes(ctx, "none")
	same(t, bucket.IsObjNotFoundErr(err), true)
	must(t, bucket.Upload(ctx, "some", strings.NewReader("text")))
	_, err = connect(t, map[string]any{"access_key": "NOBODY", "max_retries": 3}).Get(ctx, "some")
	if err == nil || bucket.IsObjNotFoundErr(err) {
		t.Fatalf("a key that nobody has: %v", err)
	}
}
