/* libcurl as the host uses it. Swift cannot call its variadic setters, so each kind of value has a
 * typed one here; an option is only ever passed to the setter of its kind. Only Upstream imports it. */
#pragma once
#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

static inline CURLcode gwc_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gwc_set_string(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value); /* copied by libcurl */
}
static inline CURLcode gwc_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value); /* kept by libcurl */
}
static inline CURLcode gwc_set_size(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode gwc_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value); /* kept by libcurl */
}
typedef size_t gwc_write(char *bytes, size_t one, size_t count, void *user);
static inline CURLcode gwc_set_write(CURL *easy, gwc_write *write, void *user) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, write);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_WRITEDATA, user);
}
static inline CURLcode gwc_set_header(CURL *easy, gwc_write *header, void *user) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_HEADERDATA, user);
}
typedef int gwc_close_socket(void *user, curl_socket_t socket);
static inline CURLcode gwc_set_close_socket(CURL *easy, gwc_close_socket *close_socket, void *user) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, user);
}
/* libcurl's own sockets would survive an exec; these do not. */
static inline curl_socket_t gwc_open_socket(const struct curl_sockaddr *address) {
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}
static inline CURLcode gwc_set_open_socket(CURL *easy, curl_opensocket_callback open_socket, void *user) {
    CURLcode code = curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    return code != CURLE_OK ? code : curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, user);
}

static inline long gwc_get_long(CURL *easy, CURLINFO info) {
    long value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}

static inline curl_off_t gwc_get_offset(CURL *easy, CURLINFO info) {
    curl_off_t value = 0;
    return curl_easy_getinfo(easy, info, &value) == CURLE_OK ? value : 0;
}
static inline curl_socket_t gwc_get_active_socket(CURL *easy) {
    curl_socket_t socket = CURL_SOCKET_BAD;
    return curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &socket) == CURLE_OK ? socket : CURL_SOCKET_BAD;
}
static inline void *gwc_get_private(CURL *easy) {
    char *user = NULL;
    return curl_easy_getinfo(easy, CURLINFO_PRIVATE, &user) == CURLE_OK ? user : NULL;
}

static inline CURLMcode gwc_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    return curl_multi_setopt(multi, option, value);
}
static inline CURLMcode gwc_multi_set_socket(CURLM *multi, curl_socket_callback changed, void *user) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, changed);
    return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, user);
}
static inline CURLMcode gwc_multi_set_timer(CURLM *multi, curl_multi_timer_callback changed, void *user) {
    CURLMcode code = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, changed);
    return code != CURLM_OK ? code : curl_multi_setopt(multi, CURLMOPT_TIMERDATA, user);
}
/* curl_global_init is not safe beside other threads of libcurl's users: call it once, from main. */
static inline CURLcode gwc_global_init(void) { return curl_global_init(CURL_GLOBAL_DEFAULT); }
/* The result inside the union of a DONE message. */
static inline CURLcode gwc_message_result(const CURLMsg *message) { return message->data.result; }
