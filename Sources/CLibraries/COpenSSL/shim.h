/* OpenSSL 3 as the host uses it: its function-like macros as functions, and the BIO that carries a
 * TLS stream over a non-blocking socket. Only Net imports it. */
#pragma once
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <sys/socket.h>

/* The socket BIO: recv and send with MSG_NOSIGNAL. OpenSSL's own uses write(2), which raises SIGPIPE
 * when the other side is gone. The BIO's data holds the descriptor (low half) and the errno of the
 * last failure (high half); nothing is allocated. */
static inline int gwtls_bio_descriptor(BIO *bio) { return (int)(uint32_t)(uintptr_t)BIO_get_data(bio); }
static inline int gwtls_bio_errno(BIO *bio) { return (int)((uint64_t)(uintptr_t)BIO_get_data(bio) >> 32); }
static inline void gwtls_bio_store(BIO *bio, int descriptor, int error) {
    BIO_set_data(bio, (void *)(uintptr_t)((uint64_t)(uint32_t)error << 32 | (uint32_t)descriptor));
}
static inline int gwtls_bio_read(BIO *bio, char *bytes, size_t length, size_t *count) {
    int fd = gwtls_bio_descriptor(bio);
    ssize_t n;
    BIO_clear_retry_flags(bio);
    do n = recv(fd, bytes, length, 0);
    while (n < 0 && errno == EINTR);
    if (n > 0) { *count = (size_t)n; return 1; }
    *count = 0;
    if (n == 0) {
        gwtls_bio_store(bio, fd, 0);
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        BIO_set_retry_read(bio);
    } else {
        gwtls_bio_store(bio, fd, errno);
    }
    return 0;
}
static inline int gwtls_bio_write(BIO *bio, const char *bytes, size_t length, size_t *count) {
    int fd = gwtls_bio_descriptor(bio);
    ssize_t n;
    BIO_clear_retry_flags(bio);
    do n = send(fd, bytes, length, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n >= 0) { *count = (size_t)n; return 1; }
    *count = 0;
    if (errno == EAGAIN || errno == EWOULDBLOCK) BIO_set_retry_write(bio);
    else gwtls_bio_store(bio, fd, errno);
    return 0;
}
static inline long gwtls_bio_ctrl(BIO *bio, int command, long number, void *pointer) {
    (void)number;
    (void)pointer;
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return 0;
}
static inline int gwtls_bio_create(BIO *bio) { BIO_set_init(bio, 1); return 1; }
/* Made once per process. */
static inline BIO_METHOD *gwtls_bio_method_new(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gateway socket");
    if (!method) return NULL;
    BIO_meth_set_read_ex(method, gwtls_bio_read);
    BIO_meth_set_write_ex(method, gwtls_bio_write);
    BIO_meth_set_ctrl(method, gwtls_bio_ctrl);
    BIO_meth_set_create(method, gwtls_bio_create);
    return method;
}
/* Gives `ssl` the descriptor, which stays the caller's to close. */
static inline int gwtls_set_descriptor(SSL *ssl, const BIO_METHOD *method, int descriptor) {
    BIO *bio = BIO_new(method);
    if (!bio) return 0;
    gwtls_bio_store(bio, descriptor, 0);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}
/* The errno of the last failed recv or send; 0 after an end of file. */
static inline int gwtls_errno(SSL *ssl) { return gwtls_bio_errno(SSL_get_rbio(ssl)); }

/* Both sides: TLS 1.2 or later, no renegotiation; partial writes from a buffer that may move, as the
 * stream's callers keep their own queues; read-ahead, else every record costs two recv; buffers given
 * back while idle (34 KB a connection). */
static inline int gwtls_configure(SSL_CTX *context) {
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                                  | SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context, 1);
    return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
}
static inline void gwtls_session_cache(SSL_CTX *context, long mode) { SSL_CTX_set_session_cache_mode(context, mode); }
static inline int gwtls_set_server_name(SSL *ssl, const char *name) {
    return (int)SSL_set_tlsext_host_name(ssl, name);
}
/* Ticket keys are 80 bytes: name, HMAC key, AES key. */
#define GWTLS_TICKET_KEYS 80
static inline int gwtls_copy_ticket_keys(SSL_CTX *from, SSL_CTX *to) {
    uint8_t keys[GWTLS_TICKET_KEYS];
    int done = SSL_CTX_get_tlsext_ticket_keys(from, keys, sizeof keys) == 1
               && SSL_CTX_set_tlsext_ticket_keys(to, keys, sizeof keys) == 1;
    OPENSSL_cleanse(keys, sizeof keys);
    return done;
}
static inline int gwtls_is_verify_failure(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED;
}
static inline int gwtls_is_unexpected_end(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}
static inline int gwtls_is_not_tls(unsigned long error) {
    return ERR_GET_LIB(error) == ERR_LIB_SSL
           && (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER || ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST);
}
/* Library errors that carry an errno of the system (a file that is not there). */
static inline int gwtls_system_error(unsigned long error) {
    return ERR_SYSTEM_ERROR(error) ? ERR_GET_REASON(error) : 0;
}
/* "Jan  1 00:00:00 2020 GMT"; empty on failure. */
static inline void gwtls_time_text(const ASN1_TIME *time, char *text, int capacity) {
    BIO *bio = BIO_new(BIO_s_mem());
    int count = 0;
    if (bio && time && ASN1_TIME_print(bio, time)) count = BIO_read(bio, text, capacity - 1);
    text[count > 0 ? count : 0] = 0;
    BIO_free(bio);
}

/* AES-256-GCM with a 12 byte nonce and a 16 byte tag (NIST SP 800-38D). 1 for success. `sealed` has room for `length` and the tag. */
static inline int gwtls_gcm_seal(const uint8_t *key, const uint8_t *nonce, const void *place, int place_length, const void *plain,
                                 int length, uint8_t *sealed) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int count = 0;
    int done = context && EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1
               && EVP_EncryptUpdate(context, NULL, &count, (const unsigned char *)place, place_length) == 1
               && EVP_EncryptUpdate(context, sealed, &count, (const unsigned char *)plain, length) == 1
               && EVP_EncryptFinal_ex(context, sealed + length, &count) == 1
               && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, 16, sealed + length) == 1;
    EVP_CIPHER_CTX_free(context);
    return done;
}
/* AES-256-CBC with PKCS#7 padding, only to read what others have sealed so: the length of the plain text, which has room for
 * `length` bytes, or -1 when the padding is not one. */
static inline int gwtls_cbc_open(const uint8_t *key, const uint8_t *vector, const uint8_t *sealed, int length, uint8_t *plain) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int count = 0, rest = 0;
    int done = context && EVP_DecryptInit_ex(context, EVP_aes_256_cbc(), NULL, key, vector) == 1
               && EVP_DecryptUpdate(context, plain, &count, sealed, length) == 1
               && EVP_DecryptFinal_ex(context, plain + count, &rest) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!done) ERR_clear_error();
    return done ? count + rest : -1;
}
/* The other way; `length` is that of the plain text. 0 when anything is not as it was sealed; `plain` is then worthless. */
static inline int gwtls_gcm_open(const uint8_t *key, const uint8_t *nonce, const void *place, int place_length, const uint8_t *sealed,
                                 int length, uint8_t *plain) {
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    int count = 0;
    int done = context && EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key, nonce) == 1
               && EVP_DecryptUpdate(context, NULL, &count, (const unsigned char *)place, place_length) == 1
               && EVP_DecryptUpdate(context, plain, &count, sealed, length) == 1
               && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, 16, (void *)(sealed + length)) == 1
               && EVP_DecryptFinal_ex(context, plain + length, &count) == 1;
    EVP_CIPHER_CTX_free(context);
    if (!done) ERR_clear_error();
    return done;
}
