package main

import (
	"bytes"
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
)

// bucket is the site's bucket.
type bucket struct {
	client *s3.Client
	name   string
}

func (b bucket) put(ctx context.Context, f file) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.name, Key: &f.key, Body: bytes.NewReader(f.body), ContentType: &f.contentType, CacheControl: &f.cacheControl,
	})
	return err
}

// deleteAllBut deletes all objects except these files.
func (b bucket) deleteAllBut(ctx context.Context, files []file) error {
	keep := map[string]bool{}
	for _, f := range files {
		keep[f.key] = true
	}
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var old []types.ObjectIdentifier
		for _, object := range page.Contents {
			if !keep[aws.ToString(object.Key)] {
				old = append(old, types.ObjectIdentifier{Key: object.Key})
			}
		}
		if err := b.delete(ctx, old); err != nil {
			return err
		}
	}
	return nil
}

// empty deletes every version and delete marker; otherwise CloudFormation could not delete the bucket. A bucket that was never
// versioned has one version of each object. A missing bucket counts as empty.
func (b bucket) empty(ctx context.Context) error {
	pages := s3.NewListObjectVersionsPaginator(b.client, &s3.ListObjectVersionsInput{Bucket: &b.name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "NoSuchBucket" {
			return nil
		}
		if err != nil {
			return err
		}
		var all []types.ObjectIdentifier
		for _, v := range page.Versions {
			all = append(all, types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, m := range page.DeleteMarkers {
			all = append(all, types.ObjectIdentifier{Key: m.Key, VersionId: m.VersionId})
		}
		if err := b.delete(ctx, all); err != nil {
			return err
		}
	}
	return nil
}

// delete deletes the objects on one page of a listing, which is no longer than one call accepts. The call succeeds as a whole and
// lists the objects that it did not delete.
func (b bucket) delete(ctx context.Context, objects []types.ObjectIdentifier) error {
	if len(objects) == 0 {
		return nil
	}
	out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &b.name, Delete: &types.Delete{Objects: objects, Quiet: aws.Bool(true)},
	})
	if err != nil || len(out.Errors) == 0 {
		return err
	}
	return &smithy.OperationError{ServiceID: "S3", OperationName: "DeleteObjects",
		Err: &smithy.GenericAPIError{Code: aws.ToString(out.Errors[0].Code)}}
}
