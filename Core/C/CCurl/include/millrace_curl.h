#pragma once
#include <curl/curl.h>

// curl_easy_setopt and curl_easy_getinfo are variadic, and Swift can't call variadic functions. These are
// typed versions of the calls that we need.
CURLcode millrace_curl_set_text(CURL *easy, CURLoption option, const char *value);
CURLcode millrace_curl_set_long(CURL *easy, CURLoption option, long value);
CURLcode millrace_curl_set_body(CURL *easy, const void *bytes, long count);
CURLcode millrace_curl_set_headers(CURL *easy, struct curl_slist *headers);
// Both callbacks receive `context` as their last argument.
CURLcode millrace_curl_set_callbacks(CURL *easy, curl_write_callback body, curl_write_callback header, void *context);
long millrace_curl_status(CURL *easy);
