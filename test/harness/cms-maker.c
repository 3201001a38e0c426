/*
 * cms-maker: the partner's own CMS, made by libcrypto alone.
 *
 *   cms-maker empty  IN OUT                    SignedData without a signer round IN
 *   cms-maker signed IN OUT CERT KEY [OID...]  SignedData round IN, signed; each OID goes into a
 *                                              signed SignatureType attribute (RFC 3183 section 3)
 *
 * The OpenSSL command line cannot set that attribute.
 */
#include <openssl/asn1t.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

static int fail(const char *what) {
  fprintf(stderr, "cms-maker: %s\n", what);
  ERR_print_errors_fp(stderr);
  return 1;
}

/* SignatureType ::= SEQUENCE OF OBJECT IDENTIFIER */
static int add_type(CMS_SignerInfo *si, int count, char **oids) {
  unsigned char body[512], value[520], *at = body;
  ASN1_OBJECT *type = OBJ_txt2obj("1.2.840.113549.1.9.16.2.28", 1);
  int length, i, done;
  for (i = 0; i < count; i++) {
    ASN1_OBJECT *oid = OBJ_txt2obj(oids[i], 1);
    if (oid == NULL || at - body > 400) return 0;
    i2d_ASN1_OBJECT(oid, &at);
    ASN1_OBJECT_free(oid);
  }
  length = (int)(at - body);
  at = value;
  ASN1_put_object(&at, 1, length, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
  memcpy(at, body, (size_t)length);
  at += length;
  done = CMS_signed_add1_attr_by_OBJ(si, type, V_ASN1_SEQUENCE, value, (int)(at - value));
  ASN1_OBJECT_free(type);
  return done;
}

/* CMS_final wants a digest, which a SignedData without signers has not. */
static int fill(CMS_ContentInfo *cms, BIO *in) {
  ASN1_OCTET_STRING **content = CMS_get0_content(cms);
  static unsigned char bytes[1 << 24];
  int length = BIO_read(in, bytes, sizeof bytes);
  if (length < 0 || content == NULL) return 0;
  if (*content == NULL) *content = ASN1_OCTET_STRING_new();
  (*content)->flags = 0;
  return ASN1_OCTET_STRING_set(*content, bytes, length);
}

int main(int argc, char **argv) {
  unsigned int flags = CMS_BINARY | CMS_PARTIAL;
  BIO *in, *out;
  CMS_ContentInfo *cms;
  if (argc < 4) return fail("usage");
  in = BIO_new_file(argv[2], "rb");
  out = BIO_new_file(argv[3], "wb");
  if (in == NULL || out == NULL) return fail("files");
  cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
  if (cms == NULL) return fail("CMS_sign");
  if (strcmp(argv[1], "signed") == 0) {
    BIO *cert_file = BIO_new_file(argv[4], "r"), *key_file = BIO_new_file(argv[5], "r");
    X509 *cert = PEM_read_bio_X509(cert_file, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(key_file, NULL, NULL, NULL);
    CMS_SignerInfo *si = CMS_add1_signer(cms, cert, key, EVP_sha256(), flags);
    if (si == NULL) return fail("CMS_add1_signer");
    if (argc > 6 && !add_type(si, argc - 6, argv + 6)) return fail("SignatureType");
  }
  if (strcmp(argv[1], "empty") == 0) {
    if (!fill(cms, in)) return fail("content");
  } else if (!CMS_final(cms, in, NULL, flags)) {
    return fail("CMS_final");
  }
  if (!i2d_CMS_bio(out, cms)) return fail("i2d");
  BIO_free(out);
  return 0;
}
