/*
 * What the C programs that answer a line at a time share: reading PEM, the words of a fault, and
 * two ways to start. As a program, `main` serves; with -DADDON the object serves once Node has
 * loaded it with `process.dlopen`, so that the OpenSSL inside Node answers. The file that includes
 * this one defines `serve`, which ends with standard input.
 */
#ifndef HELD_OPEN_H
#define HELD_OPEN_H

#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

static void serve(void);

static const char *fault(const char *what) {
  static char text[512];
  const char *reason = ERR_reason_error_string(ERR_peek_last_error());
  snprintf(text, sizeof text, "error %.40s: %.400s", what, reason == NULL ? "" : reason);
  ERR_clear_error();
  return text;
}

static X509 *read_certificate(const char *path) {
  BIO *in = BIO_new_file(path, "r");
  X509 *read = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, NULL, NULL);
  BIO_free(in);
  return read;
}

static EVP_PKEY *read_key(const char *path) {
  BIO *in = BIO_new_file(path, "r");
  EVP_PKEY *read = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
  BIO_free(in);
  return read;
}

#ifdef ADDON
__attribute__((visibility("default"))) void *napi_register_module_v1(void *env, void *exports) {
  (void)env;
  serve();
  return exports;
}
#else
int main(void) {
  serve();
  return 0;
}
#endif

#endif
