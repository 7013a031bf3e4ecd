#include "testing.h"

#include "aws/s3.h"

#include <stdio.h>
#include <stdlib.h>

struct fixture {
    struct ath_s3_page *page;
    const struct ath_s3_entry *entries;
    size_t count;
    struct ath__buf next;
    struct ath_error err;
};

static int set_up(void **state) {
    struct fixture *f = test_calloc(1, sizeof *f);
    ath__buf_init(&f->next, 8192);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    ath_s3_page_release(f->page);
    ath__buf_clear(&f->next);
    test_free(f);
    return 0;
}

static void read_page(struct fixture *f, int kind, const char *body) {
    ath_s3_page_release(f->page);
    if (ath__s3_page_parse(kind, ath__slice_str(body), &f->page, &f->next, &f->err))
        fail_msg("%s", f->err.message);
    f->entries = ath_s3_page_entries(f->page, &f->count);
}

static void refuse(struct fixture *f, int kind, const char *body, const char *part) {
    ath_s3_page_release(f->page);
    assert_int_equal(
        ath__s3_page_parse(kind, ath__slice_str(body), &f->page, &f->next, &f->err),
        ATH_ERR_PROTOCOL);
    assert_int_equal(f->err.code, ATH_ERR_PROTOCOL);
    assert_contains(f->err.message, part);
    assert_null(f->page);
    assert_int_equal(f->next.len, 0);
}

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
static const char objects[] = HEAD
    "<ListBucketResult" XMLNS "><Name>b</Name><Prefix>p</Prefix><KeyCount>3</KeyCount>"
    "<IsTruncated>true</IsTruncated><ContinuationToken>old</ContinuationToken>"
    "<NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>"
    "<Contents><Key>p+%2B%C3%A9%0A</Key><LastModified>2009-10-12T17:50:30.123Z</LastModified>"
    "<ETag>&quot;fba9dede5f27731c9771645a39863328&quot;</ETag><Size>434234</Size>"
    "<Owner><ID>75aa57</ID><DisplayName>mtd</DisplayName></Owner>"
    "<StorageClass>STANDARD</StorageClass>"
    "<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress></RestoreStatus></Contents>"
    "<Contents><Key>q</Key><Size>9223372036854775807</Size><StorageClass>STANDARD</StorageClass>"
    "</Contents><CommonPrefixes><Prefix>photos%2F</Prefix></CommonPrefixes>"
    "<EncodingType>url</EncodingType></ListBucketResult>";

static void test_page_parse_objects(void **state) {
    struct fixture *f = *state;
    read_page(f, ATH_S3_LIST_OBJECTS, objects);
    assert_int_equal(f->count, 3);
    assert_int_equal(f->entries[0].type, ATH_S3_OBJECT);
    assert_slice(f->entries[0].key, "p +\xc3\xa9\n");
    assert_slice(f->entries[0].etag, "\"fba9dede5f27731c9771645a39863328\"");
    assert_int_equal(f->entries[0].bytes, 434234);
    assert_true(f->entries[0].last_modified > 1255369830.1229);
    assert_true(f->entries[0].last_modified < 1255369830.1231);
    assert_slice(f->entries[0].owner_id, "75aa57");
    assert_slice(f->entries[0].owner_name, "mtd");
    assert_slice(f->entries[0].storage_class, "STANDARD");
    assert_slice(f->entries[1].key, "q");
    assert_true(f->entries[1].bytes == INT64_MAX);
    assert_slice(f->entries[1].storage_class, "STANDARD");
    assert_ptr_equal(f->entries[1].storage_class.ptr, f->entries[0].storage_class.ptr);
    assert_int_equal(f->entries[1].etag.len, 0);
    assert_null(f->entries[1].etag.ptr);
    assert_int_equal(f->entries[2].type, ATH_S3_PREFIX);
    assert_slice(f->entries[2].key, "photos/");
    assert_slice(
        ath__buf_slice(&f->next),
        "continuation-token=1ueGcxLPRx1Tr%2FXYExHnhbYLgveDs2J%2Fwm36Hy4vbOwM%3D");
    assert_true(ath__s3_page_bytes(f->page) < sizeof objects + 3 * sizeof *f->entries);
}

static void test_page_parse_last_and_empty_pages(void **state) {
    struct fixture *f = *state;
    read_page(
        f,
        ATH_S3_LIST_OBJECTS,
        "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
    assert_int_equal(f->count, 0);
    assert_int_equal(f->next.len, 0);
    read_page(f, ATH_S3_LIST_OBJECTS, "<ListBucketResult/>");
    assert_int_equal(f->count, 0);
    /* Plain keys are taken as they stand. */
    read_page(
        f,
        ATH_S3_LIST_OBJECTS,
        "<x:ListBucketResult xmlns:x='u'><x:Contents><x:Key>a+%2F&lt;&#x41;<![CDATA[&]]></x:Key>"
        "</x:Contents></x:ListBucketResult>");
    assert_int_equal(f->count, 1);
    assert_slice(f->entries[0].key, "a+%2F<A&");
}

/* Each in the plain shape and in one that is not. */
static void test_page_parse_texts_of_either_shape(void **state) {
    struct fixture *f = *state;
    static const char *const texts[][2] = {
        {"&lt;&gt;&amp;&quot;&apos;&#34;&#39;", "<>&\"'\"'"},
        {"a\n\tb  c~!", "a\n\tb  c~!"},
        {"&#x41;&#66;", "AB"},
        {"a\r\nb", "a\nb"},
        {"\xc3\xa9", "\xc3\xa9"},
        {"a\x7f", "a\x7f"},
        {"12345678&amp;12345678", "12345678&12345678"},
        {"<![CDATA[<a>]]>", "<a>"},
        {"a<!-- x -->b", "ab"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int comment = 0; comment < 2; comment++) {
            char body[300];
            snprintf(
                body,
                sizeof body,
                "<ListBucketResult" XMLNS "><Contents><Key>k</Key><ETag>%s</ETag></Contents>"
                "</ListBucketResult>%s",
                texts[i][0],
                comment ? "<!---->" : " ");
            read_page(f, ATH_S3_LIST_OBJECTS, body);
            assert_int_equal(f->count, 1);
            assert_slice(f->entries[0].key, "k");
            assert_slice(f->entries[0].etag, texts[i][1]);
        }
}

/* What was scanned before the odd part counts once. */
static void test_page_parse_begins_anew_where_it_is_not_plain(void **state) {
    struct fixture *f = *state;
    read_page(
        f,
        ATH_S3_LIST_OBJECTS,
        "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a%41</Key></Contents>"
        "<Contents><Key>b</Key></Contents><?odd ?></ListBucketResult>");
    assert_int_equal(f->count, 2);
    assert_slice(f->entries[0].key, "aA");
    assert_slice(f->entries[1].key, "b");
}

static void test_page_parse_versions(void **state) {
    struct fixture *f = *state;
    read_page(
        f,
        ATH_S3_LIST_VERSIONS,
        "<ListVersionsResult><KeyMarker/><NextKeyMarker>a%2Fb+c</NextKeyMarker>"
        "<NextVersionIdMarker>v/1</NextVersionIdMarker><IsTruncated>true</IsTruncated>"
        "<EncodingType>url</EncodingType>"
        "<Version><Key>k</Key><VersionId>null</VersionId><IsLatest>true</IsLatest><Size>1</Size>"
        "<LastModified>2024-02-29T00:00:00Z</LastModified></Version>"
        "<DeleteMarker><Key>k</Key><VersionId>2</VersionId><IsLatest>false</IsLatest></"
        "DeleteMarker>"
        "<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes></ListVersionsResult>");
    assert_int_equal(f->count, 3);
    assert_int_equal(f->entries[0].type, ATH_S3_VERSION);
    assert_true(f->entries[0].is_latest);
    assert_slice(f->entries[0].version_id, "null");
    assert_int_equal((int64_t)f->entries[0].last_modified, 1709164800);
    assert_int_equal(f->entries[1].type, ATH_S3_DELETE_MARKER);
    assert_false(f->entries[1].is_latest);
    assert_int_equal(f->entries[2].type, ATH_S3_PREFIX);
    assert_slice(ath__buf_slice(&f->next), "key-marker=a%2Fb%20c&version-id-marker=v%2F1");
}

static void test_page_parse_uploads(void **state) {
    struct fixture *f = *state;
    read_page(
        f,
        ATH_S3_LIST_UPLOADS,
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</"
        "NextKeyMarker>"
        "<NextUploadIdMarker>u</NextUploadIdMarker><Upload><Key>k</Key><UploadId>u</UploadId>"
        "<Initiator><ID>i</ID></Initiator><Owner><ID>o</ID></Owner>"
        "<Initiated>1970-01-01T00:00:01.500Z</Initiated></Upload></ListMultipartUploadsResult>");
    assert_int_equal(f->count, 1);
    assert_int_equal(f->entries[0].type, ATH_S3_UPLOAD);
    assert_slice(f->entries[0].upload_id, "u");
    assert_slice(f->entries[0].owner_id, "o");
    assert_true(f->entries[0].last_modified > 1.49 && f->entries[0].last_modified < 1.51);
    assert_slice(ath__buf_slice(&f->next), "key-marker=k&upload-id-marker=u");
    read_page(
        f,
        ATH_S3_LIST_UPLOADS,
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</"
        "NextKeyMarker>"
        "<NextUploadIdMarker/></ListMultipartUploadsResult>");
    assert_slice(ath__buf_slice(&f->next), "key-marker=k");
}

static void test_page_parse_buckets(void **state) {
    struct fixture *f = *state;
    read_page(
        f,
        ATH_S3_LIST_BUCKETS,
        "<ListAllMyBucketsResult><Owner><ID>o</ID><DisplayName>n</DisplayName></Owner><Buckets>"
        "<Bucket><Name>b1</Name><CreationDate>2019-12-11T23:32:47+00:00</CreationDate></Bucket>"
        "<Bucket><Name>b2</Name><BucketRegion>r</BucketRegion></Bucket></Buckets>"
        "<ContinuationToken>t=</ContinuationToken></ListAllMyBucketsResult>");
    assert_int_equal(f->count, 2);
    assert_int_equal(f->entries[0].type, ATH_S3_BUCKET);
    assert_slice(f->entries[0].key, "b1");
    assert_int_equal((int64_t)f->entries[0].last_modified, 1576107167);
    assert_slice(f->entries[1].key, "b2");
    assert_slice(ath__buf_slice(&f->next), "continuation-token=t%3D");
    read_page(
        f, ATH_S3_LIST_BUCKETS, "<ListAllMyBucketsResult><Buckets/></ListAllMyBucketsResult>");
    assert_int_equal(f->count, 0);
    assert_int_equal(f->next.len, 0);
}

static void test_page_parse_parts(void **state) {
    struct fixture *f = *state;
    read_page(
        f,
        ATH_S3_LIST_PARTS,
        "<ListPartsResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId>"
        "<NextPartNumberMarker>3</NextPartNumberMarker><IsTruncated>true</IsTruncated><Part>"
        "<PartNumber>3</PartNumber><ETag>\"e\"</ETag><Size>10485760</Size></Part></"
        "ListPartsResult>");
    assert_int_equal(f->count, 1);
    assert_int_equal(f->entries[0].type, ATH_S3_PART);
    assert_int_equal(f->entries[0].part_number, 3);
    assert_int_equal(f->entries[0].bytes, 10485760);
    assert_slice(ath__buf_slice(&f->next), "part-number-marker=3");
}

#define OBJECTS(text) "<ListBucketResult>" text "</ListBucketResult>"
#define OBJECT(text) OBJECTS("<Contents><Key>k</Key>" text "</Contents>")

static void test_page_parse_refuses_wrong_content(void **state) {
    struct fixture *f = *state;
    int kind = ATH_S3_LIST_OBJECTS;
    refuse(f, kind, "<Error><Code>x</Code></Error>", "root");
    refuse(f, ATH_S3_LIST_VERSIONS, objects, "root");
    refuse(f, kind, OBJECTS("<Contents><Size>1</Size></Contents>"), "no key");
    refuse(f, kind, OBJECT("<Size>-1</Size>"), "size");
    refuse(f, kind, OBJECT("<Size>9223372036854775808</Size>"), "size");
    refuse(f, kind, OBJECT("<Size></Size>"), "size");
    refuse(f, kind, OBJECT("<Size>1<b/></Size>"), "size");
    refuse(f, kind, OBJECT("<LastModified>yesterday</LastModified>"), "time");
    refuse(f, kind, OBJECT("<IsLatest>1</IsLatest>"), "true nor false");
    refuse(f, kind, OBJECTS("<IsTruncated>true</IsTruncated>"), "goes on");
    refuse(f, kind, OBJECTS("<EncodingType>base64</EncodingType>"), "encoding type");
    static const char *const keys[] = {"%", "%4", "%4g", "a%ff", "%ED%A0%80"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        char body[200];
        snprintf(
            body,
            sizeof body,
            OBJECTS("<EncodingType>url</EncodingType><Contents><Key>%s</Key></Contents>"),
            keys[i]);
        refuse(f, kind, body, "percent-encoding");
    }
    refuse(
        f,
        ATH_S3_LIST_PARTS,
        "<ListPartsResult><Part><PartNumber>10001</PartNumber></Part></ListPartsResult>",
        "number");
    refuse(f, ATH_S3_LIST_PARTS, "<ListPartsResult><Part/></ListPartsResult>", "number");
    refuse(
        f,
        ATH_S3_LIST_UPLOADS,
        "<ListMultipartUploadsResult><Upload><Key>k</Key></Upload></ListMultipartUploadsResult>",
        "id");
    assert_int_equal(
        ath__s3_page_parse(6, ath__slice_str(objects), &f->page, &f->next, &f->err),
        ATH_ERR_INVALID);
}

static void test_page_parse_refuses_hostile_xml(void **state) {
    struct fixture *f = *state;
    int kind = ATH_S3_LIST_OBJECTS;
    refuse(
        f,
        kind,
        "<!DOCTYPE l [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
        "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]>" OBJECTS("<Name>&c;</Name>"),
        "document type");
    refuse(f, kind, "<!DOCTYPE l SYSTEM \"file:///etc/passwd\">" OBJECTS(""), "document type");
    refuse(f, kind, OBJECTS("<Name>&undeclared;</Name>"), "entity");
    refuse(f, kind, OBJECT("<ETag>\xff\xfe</ETag>"), "byte");
    refuse(f, kind, OBJECT("<ETag>\xed\xa0\x80</ETag>"), "byte");
    refuse(f, kind, OBJECT("<ETag>&#0;</ETag>"), "byte");
    refuse(f, kind, OBJECT("<ETag>\x01</ETag>"), "byte");
    refuse(f, kind, "<a><b></a></b>", "root");
    refuse(f, kind, OBJECTS("<b></c>"), "byte");
    refuse(f, kind, OBJECTS("") "<more/>", "byte");
    refuse(f, kind, "", "byte");
    refuse(f, kind, "<?xml version='1.0' encoding='EBCDIC'?>x", "byte");
    refuse(f, kind, "\xff\xfe<\0l\0", "byte");
}

static void test_page_parse_refuses_deep_nesting(void **state) {
    struct fixture *f = *state;
    char body[20000] = "<ListBucketResult>";
    for (int i = 0; i < 15; i++)
        strcat(body, "<x>");
    for (int i = 0; i < 15; i++)
        strcat(body, "</x>");
    strcat(body, "</ListBucketResult>");
    read_page(f, ATH_S3_LIST_OBJECTS, body);
    strcpy(body, "<ListBucketResult>");
    for (int i = 0; i < 5000; i++)
        strcat(body, "<x>");
    refuse(f, ATH_S3_LIST_OBJECTS, body, "nested too deep");
}

static void test_page_parse_bounds_texts(void **state) {
    struct fixture *f = *state;
    size_t len = 2 << 20;
    char *body = malloc(len + 200);
    assert_non_null(body);
    /* Of an element that is read: refused; of another: passed over. */
    for (int i = 0; i < 2; i++) {
        const char *name = i ? "Other" : "ETag";
        int at = sprintf(body, "<ListBucketResult><Contents><Key>k</Key><%s>", name);
        memset(body + at, 'x', len);
        sprintf(body + (size_t)at + len, "</%s></Contents></ListBucketResult>", name);
        if (i)
            read_page(f, ATH_S3_LIST_OBJECTS, body);
        else
            refuse(f, ATH_S3_LIST_OBJECTS, body, "too long");
    }
    free(body);
}

static void test_page_parse_bounds_entries(void **state) {
    struct fixture *f = *state;
    static const char item[] = "<CommonPrefixes><Prefix>p</Prefix></CommonPrefixes>";
    size_t count = 100001;
    char *body = malloc(100 + count * sizeof item), *at = body;
    assert_non_null(body);
    at += sprintf(at, "<ListBucketResult>");
    for (size_t i = 0; i < count; i++, at += sizeof item - 1)
        memcpy(at, item, sizeof item);
    sprintf(at, "</ListBucketResult>");
    refuse(f, ATH_S3_LIST_OBJECTS, body, "too many");
    free(body);
}

static void test_page_parse_cut_at_every_byte(void **state) {
    struct fixture *f = *state;
    for (size_t len = 0; len < sizeof objects - 1; len++) {
        /* A copy of its own, so that sanitizers see a read past the end. */
        char *cut = malloc(len + 1);
        assert_non_null(cut);
        memcpy(cut, objects, len);
        assert_int_equal(
            ath__s3_page_parse(
                ATH_S3_LIST_OBJECTS, ath__slice(cut, len), &f->page, &f->next, &f->err),
            ATH_ERR_PROTOCOL);
        assert_null(f->page);
        free(cut);
    }
}

static void test_page_parse_of_a_marker_past_the_limit(void **state) {
    struct fixture *f = *state;
    ath__buf_clear(&f->next);
    f->next.max = 30;
    assert_int_equal(
        ath__s3_page_parse(
            ATH_S3_LIST_OBJECTS, ath__slice_str(objects), &f->page, &f->next, &f->err),
        ATH_ERR_TOO_LARGE);
    assert_contains(f->err.message, "limit");
    assert_null(f->page);
}

int main(void) {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(test_page_parse_objects),
        CASE(test_page_parse_last_and_empty_pages),
        CASE(test_page_parse_texts_of_either_shape),
        CASE(test_page_parse_begins_anew_where_it_is_not_plain),
        CASE(test_page_parse_versions),
        CASE(test_page_parse_uploads),
        CASE(test_page_parse_buckets),
        CASE(test_page_parse_parts),
        CASE(test_page_parse_refuses_wrong_content),
        CASE(test_page_parse_refuses_hostile_xml),
        CASE(test_page_parse_refuses_deep_nesting),
        CASE(test_page_parse_bounds_texts),
        CASE(test_page_parse_bounds_entries),
        CASE(test_page_parse_cut_at_every_byte),
        CASE(test_page_parse_of_a_marker_past_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
