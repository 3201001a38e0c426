/*
 * cms-peer: CMS by libcrypto alone, held open as a program or inside Node (held-open.h). It reads
 * commands from standard input, one a line, and answers each with `ok` or `error ...`:
 *
 *   root CERT KEY                                   makes a root
 *   issue CERT KEY ALGORITHM GROUP USAGE MAILBOX    a leaf of the root last made; GROUP: bits, curve or -
 *   sign IN OUT CERT KEY DIGEST FORM PADDING        FORM: detached or opaque; PADDING: pss or -
 *   verify CMS CONTENT ROOT OUT                     CONTENT: the detached content or -
 *   encrypt IN OUT CERT CIPHER HOW                  HOW: -, kdf:DIGEST, oaep:DIGEST:MGF1[:LABEL in hex]
 *   decrypt IN OUT CERT KEY
 *
 * CMS is DER, everything else PEM.
 */
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "held-open.h"

static X509 *root_certificate;
static EVP_PKEY *root_key;

static int write_pair(const char *cert_path, const char *key_path, X509 *certificate, EVP_PKEY *key) {
  BIO *cert = BIO_new_file(cert_path, "w"), *secret = BIO_new_file(key_path, "w");
  int good = cert != NULL && secret != NULL && PEM_write_bio_X509(cert, certificate) &&
             PEM_write_bio_PrivateKey(secret, key, NULL, NULL, 0, NULL, NULL);
  BIO_free(cert);
  BIO_free(secret);
  return good;
}

static int extend(X509 *certificate, int nid, const char *value) {
  X509V3_CTX context;
  X509_EXTENSION *extension;
  int good;
  X509V3_set_ctx(&context, root_certificate == NULL ? certificate : root_certificate, certificate, NULL, NULL, 0);
  extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
  good = extension != NULL && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return good;
}

static X509 *new_certificate(EVP_PKEY *key, const char *name) {
  static long serial = 4096;
  X509 *made = X509_new();
  X509_NAME *subject = X509_get_subject_name(made);
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
  X509_gmtime_adj(X509_getm_notBefore(made), -60);
  X509_gmtime_adj(X509_getm_notAfter(made), 30L * 24 * 3600);
  X509_set_pubkey(made, key);
  return made;
}

static const char *make_root(const char *cert_path, const char *key_path) {
  EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
  X509 *made = new_certificate(key, "interop root");
  root_certificate = NULL;
  X509_set_issuer_name(made, X509_get_subject_name(made));
  if (!extend(made, NID_basic_constraints, "critical,CA:TRUE") ||
      !extend(made, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !extend(made, NID_subject_key_identifier, "hash") || !X509_sign(made, key, EVP_sha256()))
    return fault("root");
  root_certificate = made;
  root_key = key;
  return write_pair(cert_path, key_path, made, key) ? "ok" : fault("write");
}

static const char *issue(char **word) {
  const char *algorithm = word[3], *group = word[4];
  char names[300];
  EVP_PKEY *key;
  X509 *made;
  const char *answer = "ok";
  if (strcmp(algorithm, "RSA") == 0) key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)atoi(group));
  else if (strcmp(algorithm, "EC") == 0) key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", group);
  else key = EVP_PKEY_Q_keygen(NULL, NULL, algorithm);
  if (key == NULL) return fault("key");
  made = new_certificate(key, word[6]);
  X509_set_issuer_name(made, X509_get_subject_name(root_certificate));
  snprintf(names, sizeof names, "email:%.250s", word[6]);
  if (!extend(made, NID_basic_constraints, "critical,CA:FALSE") || !extend(made, NID_key_usage, word[5]) ||
      !extend(made, NID_ext_key_usage, "emailProtection") || !extend(made, NID_subject_alt_name, names) ||
      !extend(made, NID_subject_key_identifier, "hash") || !extend(made, NID_authority_key_identifier, "keyid") ||
      !X509_sign(made, root_key, EVP_sha256()) || !write_pair(word[1], word[2], made, key))
    answer = fault("issue");
  X509_free(made);
  EVP_PKEY_free(key);
  return answer;
}

static const char *write_cms(const char *path, CMS_ContentInfo *cms) {
  BIO *out = BIO_new_file(path, "wb");
  const char *answer = out != NULL && i2d_CMS_bio(out, cms) ? "ok" : fault("write");
  BIO_free(out);
  return answer;
}

static CMS_ContentInfo *read_cms(const char *path) {
  BIO *in = BIO_new_file(path, "rb");
  CMS_ContentInfo *read = in == NULL ? NULL : d2i_CMS_bio(in, NULL);
  BIO_free(in);
  return read;
}

static const char *sign_cms(char **word) {
  unsigned int flags = CMS_BINARY | CMS_PARTIAL | (strcmp(word[6], "detached") == 0 ? CMS_DETACHED : 0);
  X509 *certificate = read_certificate(word[3]);
  EVP_PKEY *key = read_key(word[4]);
  BIO *in = BIO_new_file(word[1], "rb");
  CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
  const int with_pss = strcmp(word[7], "pss") == 0;
  CMS_SignerInfo *signer;
  const char *answer;
  signer = CMS_add1_signer(cms, certificate, key, EVP_get_digestbyname(word[5]), flags | (with_pss ? CMS_KEY_PARAM : 0));
  if (signer == NULL) answer = fault("signer");
  else if (with_pss && EVP_PKEY_CTX_set_rsa_padding(CMS_SignerInfo_get0_pkey_ctx(signer), RSA_PKCS1_PSS_PADDING) <= 0)
    answer = fault("pss");
  else if (!CMS_final(cms, in, NULL, flags)) answer = fault("final");
  else answer = write_cms(word[2], cms);
  CMS_ContentInfo_free(cms);
  BIO_free(in);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return answer;
}

static const char *verify_cms(char **word) {
  CMS_ContentInfo *cms = read_cms(word[1]);
  BIO *content = strcmp(word[2], "-") == 0 ? NULL : BIO_new_file(word[2], "rb"), *out = BIO_new_file(word[4], "wb");
  X509_STORE *store = X509_STORE_new();
  X509 *root = read_certificate(word[3]);
  const char *answer = "ok";
  X509_STORE_add_cert(store, root);
  X509_STORE_set_purpose(store, X509_PURPOSE_SMIME_SIGN);
  if (cms == NULL) answer = fault("read");
  else if (!CMS_verify(cms, NULL, store, content, out, CMS_BINARY)) answer = fault("verify");
  CMS_ContentInfo_free(cms);
  BIO_free(content);
  BIO_free(out);
  X509_STORE_free(store);
  X509_free(root);
  return answer;
}

static int set_oaep(EVP_PKEY_CTX *context, char *how) {
  char *digest = strtok(how, ":"), *mgf1 = strtok(NULL, ":"), *label = strtok(NULL, ":");
  long length = 0;
  unsigned char *bytes = label == NULL ? NULL : OPENSSL_hexstr2buf(label, &length);
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) > 0 &&
         EVP_PKEY_CTX_set_rsa_oaep_md(context, EVP_get_digestbyname(digest)) > 0 &&
         EVP_PKEY_CTX_set_rsa_mgf1_md(context, EVP_get_digestbyname(mgf1)) > 0 &&
         (bytes == NULL || EVP_PKEY_CTX_set0_rsa_oaep_label(context, bytes, (int)length) > 0);
}

static const char *encrypt_cms(char **word) {
  const unsigned int flags = CMS_BINARY | CMS_PARTIAL;
  const int special = strcmp(word[5], "-") != 0;
  X509 *certificate = read_certificate(word[3]);
  BIO *in = BIO_new_file(word[1], "rb");
  CMS_ContentInfo *cms = CMS_encrypt(NULL, in, EVP_get_cipherbyname(word[4]), flags);
  CMS_RecipientInfo *recipient = cms == NULL ? NULL : CMS_add1_recipient_cert(cms, certificate, flags | (special ? CMS_KEY_PARAM : 0));
  const char *answer = NULL;
  if (recipient == NULL) answer = fault("recipient");
  else if (special) {
    EVP_PKEY_CTX *context = CMS_RecipientInfo_get0_pkey_ctx(recipient);
    const int good = strncmp(word[5], "kdf:", 4) == 0
                         ? EVP_PKEY_CTX_set_ecdh_kdf_md(context, EVP_get_digestbyname(word[5] + 4)) > 0
                         : set_oaep(context, word[5] + 5);
    if (!good) answer = fault("parameters");
  }
  if (answer == NULL) answer = CMS_final(cms, in, NULL, flags) ? write_cms(word[2], cms) : fault("final");
  CMS_ContentInfo_free(cms);
  BIO_free(in);
  X509_free(certificate);
  return answer;
}

static const char *decrypt_cms(char **word) {
  CMS_ContentInfo *cms = read_cms(word[1]);
  BIO *out = BIO_new_file(word[2], "wb");
  X509 *certificate = read_certificate(word[3]);
  EVP_PKEY *key = read_key(word[4]);
  const char *answer = "ok";
  if (cms == NULL) answer = fault("read");
  else if (!CMS_decrypt(cms, key, certificate, NULL, out, CMS_BINARY)) answer = fault("decrypt");
  CMS_ContentInfo_free(cms);
  BIO_free(out);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return answer;
}

static const char *answer_to(char **word, int count) {
  if (count == 3 && strcmp(word[0], "root") == 0) return make_root(word[1], word[2]);
  if (count == 7 && strcmp(word[0], "issue") == 0) return issue(word);
  if (count == 8 && strcmp(word[0], "sign") == 0) return sign_cms(word);
  if (count == 5 && strcmp(word[0], "verify") == 0) return verify_cms(word);
  if (count == 6 && strcmp(word[0], "encrypt") == 0) return encrypt_cms(word);
  if (count == 5 && strcmp(word[0], "decrypt") == 0) return decrypt_cms(word);
  return "error command";
}

static void serve(void) {
  static char line[8192];
  char *word[8];
  while (fgets(line, sizeof line, stdin) != NULL) {
    int count = 0;
    char *rest = line, *next;
    while (count < 8 && (next = strsep(&rest, " \n")) != NULL) {
      if (*next != '\0') word[count++] = next;
    }
    printf("%s\n", answer_to(word, count));
    fflush(stdout);
  }
}
