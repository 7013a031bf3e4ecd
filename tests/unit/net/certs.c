#include "certs.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY 86400L

static void add_extension(X509 *cert, X509 *issuer, int nid, const char *value) {
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    if (!extension || X509_add_ext(cert, extension, -1) != 1)
        abort();
    X509_EXTENSION_free(extension);
}

static X509 *make(
    const char *name,
    const char *alt_names,
    EVP_PKEY *key,
    X509 *issuer,
    EVP_PKEY *issuer_key,
    long from,
    long to) {
    static long serial;
    X509 *cert = X509_new();
    X509_NAME *subject = X509_get_subject_name(cert);
    X509_set_version(cert, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(cert), from);
    X509_gmtime_adj(X509_getm_notAfter(cert), to);
    X509_set_pubkey(cert, key);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(cert, X509_get_subject_name(issuer ? issuer : cert));
    if (alt_names)
        add_extension(cert, issuer, NID_subject_alt_name, alt_names);
    else
        add_extension(cert, cert, NID_basic_constraints, "critical,CA:TRUE");
    if (X509_sign(cert, issuer_key, EVP_sha256()) == 0)
        abort();
    return cert;
}

static FILE *open_file(const struct certs *certs, const char *name, char out[96]) {
    snprintf(out, 96, "%s/%s.pem", certs->dir, name);
    FILE *file = fopen(out, "w");
    if (!file)
        abort();
    return file;
}

static void save(const struct certs *certs, const char *name, X509 *cert, char out[96]) {
    FILE *file = open_file(certs, name, out);
    PEM_write_X509(file, cert);
    fclose(file);
    X509_free(cert);
}

void certs_make(struct certs *certs) {
    snprintf(certs->dir, sizeof certs->dir, "/tmp/ath-certs-XXXXXX");
    if (!mkdtemp(certs->dir))
        abort();
    EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
    X509 *ca = make("test authority", NULL, ca_key, NULL, ca_key, -DAY, DAY);
    const char *local = "DNS:localhost,IP:127.0.0.1";
    save(certs, "good", make("good", local, key, ca, ca_key, -DAY, DAY), certs->good);
    save(
        certs,
        "wrong",
        make("wrong", "DNS:other.invalid", key, ca, ca_key, -DAY, DAY),
        certs->wrong);
    save(certs, "expired", make("expired", local, key, ca, ca_key, -2 * DAY, -DAY), certs->expired);
    save(certs, "other", make("other authority", NULL, key, NULL, key, -DAY, DAY), certs->other_ca);
    save(certs, "ca", ca, certs->ca);
    FILE *file = open_file(certs, "key", certs->key);
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    EVP_PKEY_free(ca_key);
    EVP_PKEY_free(key);
}

void certs_remove(struct certs *certs) {
    unlink(certs->ca);
    unlink(certs->other_ca);
    unlink(certs->key);
    unlink(certs->good);
    unlink(certs->wrong);
    unlink(certs->expired);
    rmdir(certs->dir);
}
