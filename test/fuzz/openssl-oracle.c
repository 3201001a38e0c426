/*
 * openssl-oracle: what libcrypto's CMS makes of a message, asked many times of one process.
 *
 *   openssl-oracle PEM...   each file holds a certificate and its key
 *
 * A question on standard input: 4 octets of length (big-endian), then
 *   'V' 1 octet flags, 4 octets length of detached content, that content, the CMS object (BER);
 *       flags: 1 the content is detached
 *   'D' 1 octet index of the key, the CMS object
 * An answer on standard output: 4 octets of length, 1 octet (1 yes, 0 no), then the content if yes,
 * else the reason as text. Whether a certificate is trusted is not asked.
 */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_IDENTITIES 32
#define MAX_QUESTION (8u * 1024 * 1024)

static X509 *certificates[MAX_IDENTITIES];
static EVP_PKEY *keys[MAX_IDENTITIES];
static int count;
static STACK_OF(X509) *known;

static void die(const char *what) {
  fprintf(stderr, "openssl-oracle: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static void load(const char *path) {
  BIO *file = BIO_new_file(path, "r");
  if (file == NULL || count == MAX_IDENTITIES) die(path);
  certificates[count] = PEM_read_bio_X509(file, NULL, NULL, NULL);
  keys[count] = PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);
  BIO_free(file);
  if (certificates[count] == NULL || keys[count] == NULL) die(path);
  if (!sk_X509_push(known, certificates[count])) die("memory");
  count++;
}

static void answer(int yes, const unsigned char *bytes, size_t length) {
  uint32_t size = (uint32_t)length + 1;
  unsigned char head[5] = {(unsigned char)(size >> 24), (unsigned char)(size >> 16),
                           (unsigned char)(size >> 8), (unsigned char)size, (unsigned char)yes};
  if (fwrite(head, 1, 5, stdout) != 5) exit(0);
  if (length > 0 && fwrite(bytes, 1, length, stdout) != length) exit(0);
  fflush(stdout);
}

static void refuse(const char *where) {
  char text[400];
  unsigned long code = ERR_peek_error();
  const char *why = code == 0 ? "" : ERR_reason_error_string(code);
  snprintf(text, sizeof text, "%s: %s", where, why == NULL ? "" : why);
  ERR_clear_error();
  answer(0, (const unsigned char *)text, strlen(text));
}

static CMS_ContentInfo *parse(const unsigned char *bytes, size_t length) {
  const unsigned char *at = bytes;
  CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &at, (long)length);
  if (cms != NULL && at != bytes + length) {
    CMS_ContentInfo_free(cms);
    return NULL;
  }
  return cms;
}

static uint32_t number(const unsigned char *at) {
  return ((uint32_t)at[0] << 24) | ((uint32_t)at[1] << 16) | ((uint32_t)at[2] << 8) | at[3];
}

static void verify(const unsigned char *question, size_t length) {
  int detached;
  uint32_t content_length;
  CMS_ContentInfo *cms;
  BIO *content = NULL, *out;
  unsigned char *bytes;
  long size;
  if (length < 5) die("short question");
  detached = question[0] & 1;
  content_length = number(question + 1);
  if (content_length > length - 5) die("bad question");
  cms = parse(question + 5 + content_length, length - 5 - content_length);
  if (cms == NULL) {
    refuse("parse");
    return;
  }
  if (detached) content = BIO_new_mem_buf(question + 5, (int)content_length);
  out = BIO_new(BIO_s_mem());
  if (CMS_verify(cms, known, NULL, content, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY)) {
    size = BIO_get_mem_data(out, &bytes);
    answer(1, bytes, (size_t)size);
  } else {
    refuse("verify");
  }
  ERR_clear_error();
  BIO_free(content);
  BIO_free(out);
  CMS_ContentInfo_free(cms);
}

static void decrypt(const unsigned char *question, size_t length) {
  CMS_ContentInfo *cms;
  BIO *out;
  unsigned char *bytes;
  long size;
  if (length < 1 || question[0] >= count) die("bad question");
  cms = parse(question + 1, length - 1);
  if (cms == NULL) {
    refuse("parse");
    return;
  }
  out = BIO_new(BIO_s_mem());
  if (CMS_decrypt(cms, keys[question[0]], certificates[question[0]], NULL, out,
                  CMS_BINARY | CMS_DEBUG_DECRYPT)) {
    size = BIO_get_mem_data(out, &bytes);
    answer(1, bytes, (size_t)size);
  } else {
    refuse("decrypt");
  }
  ERR_clear_error();
  BIO_free(out);
  CMS_ContentInfo_free(cms);
}

int main(int argc, char **argv) {
  unsigned char head[4], *question = malloc(MAX_QUESTION);
  int i;
  known = sk_X509_new_null();
  if (question == NULL || known == NULL) die("memory");
  for (i = 1; i < argc; i++) load(argv[i]);
  while (fread(head, 1, 4, stdin) == 4) {
    uint32_t length = number(head);
    if (length < 1 || length > MAX_QUESTION) die("bad length");
    if (fread(question, 1, length, stdin) != length) die("cut question");
    if (question[0] == 'V') verify(question + 1, length - 1);
    else if (question[0] == 'D') decrypt(question + 1, length - 1);
    else die("unknown question");
  }
  return 0;
}
