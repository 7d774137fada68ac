package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// s3Bucket keeps objects in an S3-compatible store. An object goes in one PUT, which is all or nothing and leaves no parts to
// clean up; the signature covers the content's SHA-256, so that the service refuses what was garbled on the way.
type s3Bucket struct {
	core      minio.Core
	transport *http.Transport
	bucket    string
	prefix    string // empty, or ends in a slash
}

// roleTimeout is for asking the machine's own role.
const roleTimeout = 5 * time.Second

func openS3(d destination) (*s3Bucket, error) {
	transport, err := minio.DefaultTransport(d.secure)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDestination, err)
	}
	client, err := minio.New(d.endpoint, &minio.Options{
		Creds: credentials.NewChainCredentials([]credentials.Provider{
			&credentials.EnvAWS{}, &credentials.FileAWSCredentials{},
			// Elsewhere than at AWS nobody answers.
			&credentials.IAM{Client: &http.Client{Transport: transport, Timeout: roleTimeout}},
		}),
		Secure: d.secure, Region: d.region, Transport: transport,
		MaxRetries: 1, // retries are ours: they know the rate and the whole transfer's patience
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDestination, err)
	}
	b := &s3Bucket{core: minio.Core{Client: client}, transport: transport, bucket: d.bucket}
	if d.prefix != "" {
		b.prefix = d.prefix + "/"
	}
	return b, nil
}

func (b *s3Bucket) put(ctx context.Context, key string, r io.Reader, size int64, sum string) error {
	_, err := b.core.PutObject(ctx, b.bucket, b.prefix+key, r, size, "", sum, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return judgeS3(err)
}

func (b *s3Bucket) get(ctx context.Context, key string) (io.ReadCloser, error) {
	body, _, _, err := b.core.GetObject(ctx, b.bucket, b.prefix+key, minio.GetObjectOptions{})
	if err != nil {
		return nil, judgeS3(err)
	}
	return body, nil
}

func (b *s3Bucket) list(ctx context.Context, prefix string, visit func(object)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for o := range b.core.ListObjectsIter(ctx, b.bucket, minio.ListObjectsOptions{Prefix: b.prefix + prefix, Recursive: true}) {
		if o.Err != nil {
			return judgeS3(o.Err)
		}
		visit(object{strings.TrimPrefix(o.Key, b.prefix), o.Size, o.LastModified})
	}
	return ctx.Err()
}

func (b *s3Bucket) remove(ctx context.Context, key string) error {
	err := judgeS3(b.core.RemoveObject(ctx, b.bucket, b.prefix+key, minio.RemoveObjectOptions{}))
	if errors.Is(err, errAbsent) {
		return nil
	}
	return err
}

func (b *s3Bucket) close() error {
	b.transport.CloseIdleConnections()
	return nil
}

// judgeS3 tells what a retry cannot mend: the caller's mistakes (4xx), except those about time and haste.
func judgeS3(err error) error {
	if err == nil {
		return nil
	}
	var r minio.ErrorResponse
	if !errors.As(err, &r) {
		return err
	}
	switch {
	case r.Code == minio.NoSuchKey:
		return backoff.Permanent(fmt.Errorf("%w: %w", errAbsent, err))
	case r.Code == "RequestTimeout", r.Code == "SlowDown", r.Code == "RequestTimeTooSkewed", r.Code == "BadDigest", r.Code == "XAmzContentSHA256Mismatch":
		return err
	case r.StatusCode == http.StatusRequestTimeout, r.StatusCode == http.StatusTooManyRequests, r.StatusCode == http.StatusConflict:
		return err
	case r.StatusCode == http.StatusForbidden || r.StatusCode == http.StatusUnauthorized:
		return backoff.Permanent(fmt.Errorf("%w (are AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY set and allowed to read, write, list and delete here?)", err))
	case r.StatusCode >= 400 && r.StatusCode < 500:
		return backoff.Permanent(err)
	}
	return err
}
