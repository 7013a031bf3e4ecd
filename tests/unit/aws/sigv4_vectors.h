/* Made by make_vectors.py. */
static const struct vector s_vectors[] = {
    {
        .name = "athena_json",
        .method = "POST",
        .host = "athena.us-east-1.amazonaws.com",
        .path = "/",
        .query = "",
        .body = "{\"QueryString\":\"SELECT 1\"}",
        .region = "us-east-1",
        .service = "athena",
        .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        .token = "",
        .payload_hash = "",
        .canonical =
            "POST\n/\n\ncontent-type:application/"
            "x-amz-json-1.1\nhost:athena.us-east-1.amazonaws.com\nx-amz-date:20260131T235959Z\nx-"
            "amz-target:AmazonAthena.StartQueryExecution\n\ncontent-type;host;x-amz-date;x-amz-"
            "target\nb5f295e8d49d05b92d2b2fa30792cf6fd6c6c8586a1515fe9648b53748a04ae6",
        .text = "AWS4-HMAC-SHA256\n20260131T235959Z\n20260131/us-east-1/athena/"
                "aws4_request\n55920ad6ff29f60b805aa12ea4a67fd561514c33809b410a1092e1911cdeefe1",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/athena/aws4_request, "
            "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
            "Signature=8f240405e8261b20e2660d8573fcc283771808571d332f129396c7cecb604cee",
        .unix_s = 1769903999,
        .headers =
            {{"X-Amz-Target", "AmazonAthena.StartQueryExecution"},
             {"Content-Type", "application/x-amz-json-1.1"},
             {"User-Agent", "libathena/0"}},
    },
    {
        .name = "session_token",
        .method = "POST",
        .host = "localhost:8080",
        .path = "",
        .query = "",
        .body = "",
        .region = "eu-central-1",
        .service = "athena",
        .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        .token = "AQoDYXdzEPT//////////wEXAMPLE==",
        .payload_hash = "",
        .canonical = "POST\n/"
                     "\n\nhost:localhost:8080\nx-amz-date:20240229T000000Z\nx-amz-security-token:"
                     "AQoDYXdzEPT//////////"
                     "wEXAMPLE==\n\nhost;x-amz-date;x-amz-security-"
                     "token\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .text = "AWS4-HMAC-SHA256\n20240229T000000Z\n20240229/eu-central-1/athena/"
                "aws4_request\n932a0c9b510e645f0912188a904c676fcb9ce36fea4ea80ce2341c76a38fc209",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20240229/eu-central-1/athena/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-amz-security-token, "
            "Signature=2fb70a62d06dad3b2ff69c79fd9540ac8fa6dc7321d3fc29e12d7fe80afef82f",
        .unix_s = 1709164800,
    },
    {
        .name = "dot_segments",
        .method = "POST",
        .host = "athena.us-east-1.amazonaws.com",
        .path = "/a/./b//../c%20d/",
        .query = "",
        .body = "",
        .region = "us-east-1",
        .service = "athena",
        .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        .token = "",
        .payload_hash = "",
        .canonical = "POST\n/a/c%2520d/"
                     "\n\nhost:athena.us-east-1.amazonaws.com\nx-amz-date:20260131T235959Z\n\nhost;"
                     "x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .text = "AWS4-HMAC-SHA256\n20260131T235959Z\n20260131/us-east-1/athena/"
                "aws4_request\n1b0f58c1adb41e32de359596b8f97f9ec7abda534a0be7b423031e7d9e96cda3",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/athena/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=9267970369673cdf6956a74a8b63f42d0fdd2be73c5984f11c94d10c52f89c13",
        .unix_s = 1769903999,
    },
    {
        .name = "dots_above_root",
        .method = "POST",
        .host = "athena.us-east-1.amazonaws.com",
        .path = "/../..",
        .query = "",
        .body = "",
        .region = "us-east-1",
        .service = "athena",
        .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        .token = "",
        .payload_hash = "",
        .canonical = "POST\n/"
                     "\n\nhost:athena.us-east-1.amazonaws.com\nx-amz-date:20260131T235959Z\n\nhost;"
                     "x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .text = "AWS4-HMAC-SHA256\n20260131T235959Z\n20260131/us-east-1/athena/"
                "aws4_request\n1448604dc016eefaa034e3247eab407be27e70b5ef0763533dbb33315871fbbc",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/athena/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=b953ead904c73d35a966e0e47beed421534b0bafbf70895a55f43ce05a4ae6ee",
        .unix_s = 1769903999,
    },
    {
        .name = "header_values",
        .method = "POST",
        .host = "athena.us-east-1.amazonaws.com",
        .path = "/",
        .query = "",
        .body = "",
        .region = "us-east-1",
        .service = "athena",
        .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        .token = "",
        .payload_hash = "",
        .canonical = "POST\n/"
                     "\n\nhost:athena.us-east-1.amazonaws.com\nx-amz-date:20260131T235959Z\nx-amz-"
                     "meta-a:first,second\nx-amz-meta-b:two words "
                     "here\n\nhost;x-amz-date;x-amz-meta-a;x-amz-meta-"
                     "b\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .text = "AWS4-HMAC-SHA256\n20260131T235959Z\n20260131/us-east-1/athena/"
                "aws4_request\na61a20f8ebaa5fe0be4e927c03712a179b52c42b69ce90b6f575f702a4d89b73",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/athena/aws4_request, "
            "SignedHeaders=host;x-amz-date;x-amz-meta-a;x-amz-meta-b, "
            "Signature=4fc237b2f92d978eb03a495b4891e222165d7b3881917a4d07f78a449f1dce10",
        .unix_s = 1769903999,
        .headers =
            {{"x-amz-meta-b", "  two   words\t here  "},
             {"X-AMZ-Meta-A", "first"},
             {"x-amz-meta-a", "second"},
             {"Authorization", "stale"}},
    },
    {
        .name = "s3_path_and_query",
        .method = "GET",
        .host = "bucket.s3.us-east-1.amazonaws.com",
        .path = "/a//./b%20c",
        .query = "prefix=b&list-type=2&delete&prefix=a&z=",
        .body = "",
        .region = "us-east-1",
        .service = "s3",
        .secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        .token = "",
        .payload_hash = "UNSIGNED-PAYLOAD",
        .canonical = "GET\n/a//./"
                     "b%20c\ndelete=&list-type=2&prefix=a&prefix=b&z=\nhost:bucket.s3.us-east-1."
                     "amazonaws.com\nx-amz-content-sha256:UNSIGNED-PAYLOAD\nx-amz-date:"
                     "20260131T235959Z\n\nhost;x-amz-content-sha256;x-amz-date\nUNSIGNED-PAYLOAD",
        .text = "AWS4-HMAC-SHA256\n20260131T235959Z\n20260131/us-east-1/s3/"
                "aws4_request\n9f3b59da7e0883f03aa82d2ee56abedc8dbdcdb416de5174a05d07789b425ae2",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/s3/aws4_request, "
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date, "
            "Signature=bb944aaca3853f926118fd526565eec80b0858ea1c6062ca4e0f5fb54fd1baec",
        .unix_s = 1769903999,
        .headers = {{"x-amz-content-sha256", "UNSIGNED-PAYLOAD"}},
    },
    {
        .name = "secret_of_a_block",
        .method = "POST",
        .host = "athena.us-east-1.amazonaws.com",
        .path = "/",
        .query = "",
        .body = "",
        .region = "us-east-1",
        .service = "athena",
        .secret = "ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
        .token = "",
        .payload_hash = "",
        .canonical = "POST\n/"
                     "\n\nhost:athena.us-east-1.amazonaws.com\nx-amz-date:20260131T235959Z\n\nhost;"
                     "x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .text = "AWS4-HMAC-SHA256\n20260131T235959Z\n20260131/us-east-1/athena/"
                "aws4_request\n1448604dc016eefaa034e3247eab407be27e70b5ef0763533dbb33315871fbbc",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/athena/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=730ada6c051b16e2ef9cacb189eb121edbb1f07533500ba04b1c710aae39740d",
        .unix_s = 1769903999,
    },
    {
        .name = "secret_past_a_block",
        .method = "POST",
        .host = "athena.us-east-1.amazonaws.com",
        .path = "/",
        .query = "",
        .body = "",
        .region = "us-east-1",
        .service = "athena",
        .secret = "sssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss",
        .token = "",
        .payload_hash = "",
        .canonical = "POST\n/"
                     "\n\nhost:athena.us-east-1.amazonaws.com\nx-amz-date:20260131T235959Z\n\nhost;"
                     "x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .text = "AWS4-HMAC-SHA256\n20260131T235959Z\n20260131/us-east-1/athena/"
                "aws4_request\n1448604dc016eefaa034e3247eab407be27e70b5ef0763533dbb33315871fbbc",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260131/us-east-1/athena/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=a7c65dff10742d8ac24230b547c26773e930641b427bfaa784b606c935936e13",
        .unix_s = 1769903999,
    },
    {
        .name = "long_secret",
        .method = "POST",
        .host = "athena.us-east-1.amazonaws.com",
        .path = "/",
        .query = "",
        .body = "",
        .region = "us-east-1",
        .service = "athena",
        .secret = "01234567890123456789012345678901234567890123456789012345678901234567890123456789"
                  "0123456789",
        .token = "",
        .payload_hash = "",
        .canonical = "POST\n/"
                     "\n\nhost:athena.us-east-1.amazonaws.com\nx-amz-date:19700101T000000Z\n\nhost;"
                     "x-amz-date\ne3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        .text = "AWS4-HMAC-SHA256\n19700101T000000Z\n19700101/us-east-1/athena/"
                "aws4_request\ne5326d8c4622f11501f27c17c7d49a39d3ca255ce149311e94515bd42c120ee4",
        .authorization =
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/19700101/us-east-1/athena/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=da96ec083859fe3a64946affc2bc0e9cb4c31042e8d376271d7a1a9a2c970318",
        .unix_s = 0,
    },
};
