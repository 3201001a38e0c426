/*
 * cms-loop: what libcrypto's own CMS does with S/MIME, in a loop, and what it costs.
 *
 * Held open as a program or inside Node (held-open.h): it reads commands from standard input, one a
 * line, and answers each with one line:
 *
 *   load CA CERT KEY                  PEM files: the anchor, and one leaf that signs and decrypts
 *   protect CIPHER IN OUT             clear-signs IN, encrypts that, writes the entity to OUT
 *   run protect|open CIPHER IN SECS   the same over memory for at least SECS seconds
 *
 * `open` decrypts, then verifies the signature inside with its whole path. The answer to `run` is
 * the count, the processor time and the wall time in microseconds.
 */
#include <openssl/cms.h>
#include <openssl/x509_vfy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "../harness/held-open.h"

static X509 *certificate;
static EVP_PKEY *key;
static X509_STORE *store;
static STACK_OF(X509) *recipients;

static const char *load(const char *ca_path, const char *cert_path, const char *key_path) {
  X509 *ca = read_certificate(ca_path);
  X509_free(certificate);
  EVP_PKEY_free(key);
  certificate = read_certificate(cert_path);
  key = read_key(key_path);
  if (ca == NULL || certificate == NULL || key == NULL) return fault("load");
  store = X509_STORE_new();
  X509_STORE_add_cert(store, ca);
  X509_STORE_set_purpose(store, X509_PURPOSE_SMIME_SIGN);
  X509_free(ca);
  recipients = sk_X509_new_null();
  sk_X509_push(recipients, certificate);
  return NULL;
}

/* multipart/signed round the entity, then enveloped-data round that: base64 S/MIME in memory. */
static BIO *protect(const unsigned char *entity, size_t length, const EVP_CIPHER *cipher) {
  const int sign_flags = CMS_DETACHED | CMS_STREAM | CMS_BINARY;
  const int write_flags = sign_flags | CMS_CRLFEOL;
  BIO *in = BIO_new_mem_buf(entity, (int)length), *middle = BIO_new(BIO_s_mem()), *out = NULL;
  CMS_ContentInfo *signed_data = CMS_sign(certificate, key, NULL, in, sign_flags), *enveloped = NULL;
  if (signed_data == NULL || !SMIME_write_CMS(middle, signed_data, in, write_flags)) goto done;
  enveloped = CMS_encrypt(recipients, middle, cipher, CMS_STREAM | CMS_BINARY);
  if (enveloped == NULL) goto done;
  out = BIO_new(BIO_s_mem());
  if (!SMIME_write_CMS(out, enveloped, middle, CMS_STREAM | CMS_BINARY | CMS_CRLFEOL)) {
    BIO_free(out);
    out = NULL;
  }
done:
  CMS_ContentInfo_free(signed_data);
  CMS_ContentInfo_free(enveloped);
  BIO_free(in);
  BIO_free(middle);
  return out;
}

/* Decrypts, then verifies the clear signature inside and its certification path. */
static int open_message(const unsigned char *message, size_t length) {
  BIO *in = BIO_new_mem_buf(message, (int)length), *middle = BIO_new(BIO_s_mem()), *content = NULL;
  CMS_ContentInfo *enveloped = SMIME_read_CMS(in, NULL), *signed_data = NULL;
  int good = 0;
  if (enveloped == NULL || !CMS_decrypt(enveloped, key, certificate, NULL, middle, CMS_BINARY)) goto done;
  signed_data = SMIME_read_CMS(middle, &content);
  if (signed_data == NULL || content == NULL) goto done;
  good = CMS_verify(signed_data, NULL, store, content, NULL, 0);
done:
  CMS_ContentInfo_free(signed_data);
  CMS_ContentInfo_free(enveloped);
  BIO_free(in);
  BIO_free(middle);
  BIO_free(content);
  return good;
}

static double cpu_micros(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e6 + (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static double wall_micros(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static unsigned char *read_file(const char *path, size_t *length) {
  FILE *in = fopen(path, "rb");
  unsigned char *bytes;
  if (in == NULL) return NULL;
  fseek(in, 0, SEEK_END);
  *length = (size_t)ftell(in);
  rewind(in);
  bytes = malloc(*length);
  if (fread(bytes, 1, *length, in) != *length) *length = 0;
  fclose(in);
  return bytes;
}

static const char *run(const char *op, const EVP_CIPHER *cipher, const char *path, double seconds) {
  static char answer[128];
  size_t length = 0;
  unsigned char *bytes = read_file(path, &length);
  double cpu = cpu_micros(), wall = wall_micros();
  long count = 0;
  int good = 1;
  if (bytes == NULL) return "error file";
  do {
    if (strcmp(op, "protect") == 0) {
      BIO *out = protect(bytes, length, cipher);
      good = out != NULL;
      BIO_free(out);
    } else {
      good = open_message(bytes, length);
    }
    count++;
  } while (good && wall_micros() - wall < seconds * 1e6);
  snprintf(answer, sizeof answer, "%ld %.1f %.1f", count, cpu_micros() - cpu, wall_micros() - wall);
  free(bytes);
  return good ? answer : fault(op);
}

static const char *protect_file(const EVP_CIPHER *cipher, const char *in, const char *out_path) {
  size_t length = 0;
  unsigned char *bytes = read_file(in, &length);
  BIO *out = bytes == NULL ? NULL : protect(bytes, length, cipher);
  FILE *file = fopen(out_path, "wb");
  char *made;
  long size;
  free(bytes);
  if (out == NULL || file == NULL) return fault("protect");
  size = BIO_get_mem_data(out, &made);
  fwrite(made, 1, (size_t)size, file);
  fclose(file);
  BIO_free(out);
  return NULL;
}

static void serve(void) {
  static char line[4096];
  char a[16], b[1024], c[1024], d[1024], e[32];
  while (fgets(line, sizeof line, stdin) != NULL) {
    const char *answer = "error command";
    const int fields = sscanf(line, "%15s %1023s %1023s %1023s %31s", a, b, c, d, e);
    if (fields == 4 && strcmp(a, "load") == 0) answer = load(b, c, d);
    if (fields == 4 && strcmp(a, "protect") == 0) answer = protect_file(EVP_get_cipherbyname(b), c, d);
    if (fields == 5 && strcmp(a, "run") == 0) answer = run(b, EVP_get_cipherbyname(c), d, atof(e));
    printf("%s\n", answer == NULL ? "ok" : answer);
    fflush(stdout);
  }
}
