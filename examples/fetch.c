/* SPDX-License-Identifier: ISC */
/*
 * fetch - asks another service: GET /weather/{city} is what --upstream tells of it.
 *
 * The other may be slow, large, wrong or away; the client hears of it by 502 or 504, and in time.  It is
 * asked no longer than the request has, and no longer than its client waits.  It gets the client's
 * traceparent and the request's id, so that one search finds both sides' logs.
 */
#include <percore.h>

#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_ANSWER = 65536 };

#define LONGEST 30.0 /* seconds, where a request has all the time of the world */
#define RESERVE 0.1  /* seconds to answer in */

static const char *upstream = "http://127.0.0.1:8000/weather";
static struct percore_histogram *duration;
static CURL *curl; /* of this worker; its connection is kept */

struct answer {
	size_t length;
	char bytes[MAX_ANSWER];
};

/* ---- The other service. */

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
	struct answer *answer = arg;

	if (size * count > MAX_ANSWER - answer->length)
		return 0; /* it is ended there */
	memcpy(answer->bytes + answer->length, bytes, size * count);
	answer->length += size * count;
	return size * count;
}

/* Each second at least. */
static int is_in_vain(void *request, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)a, (void)b, (void)c, (void)d;
	return percore_client_is_gone(request);
}

/* Under --sandbox, to connect and look up the name. */
static bool allow_upstream(void)
{
	CURLU *url = curl_url();
	char *host = NULL, *port = NULL, address[512];
	bool is_good = url && curl_url_set(url, CURLUPART_URL, upstream, 0) == CURLUE_OK &&
	               curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
	               curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK;

	if (is_good) {
		snprintf(address, sizeof address, "%s:%s", host, port);
		percore_allow_connect(address);
	}
	curl_free(host);
	curl_free(port);
	curl_url_cleanup(url);
	return is_good;
}

static bool start(void *arg)
{
	(void)arg;
	curl = curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK && allow_upstream() ? curl_easy_init() : NULL;
	if (!curl) {
		percore_log(NULL, PERCORE_LOG_ERROR, "--upstream %s is no URL, or libcurl fails", upstream);
		return false;
	}
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, is_in_vain);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	return true;
}

static void stop(void *arg)
{
	(void)arg;
	curl_easy_cleanup(curl);
	curl_global_cleanup();
}

static struct curl_slist *with(struct curl_slist *headers, const char *line)
{
	struct curl_slist *longer = curl_slist_append(headers, line);

	if (!longer)
		percore_no_memory();
	return longer;
}

static struct curl_slist *headers_for(struct percore_request *request)
{
	const char *trace = percore_traceparent(request);
	struct curl_slist *headers =
		with(NULL, percore_format(request, "X-Request-ID: %s", percore_id(request)));

	if (trace)
		headers = with(headers, percore_format(request, "traceparent: %s", trace));
	return headers;
}

static CURLcode ask(struct percore_request *request, const char *city, struct answer *answer)
{
	long left_ms = (long)((fmin(percore_time_left(request), LONGEST) - RESERVE) * 1000);
	double seconds;

	if (left_ms <= 0)
		return CURLE_OPERATION_TIMEDOUT;
	char *escaped = curl_easy_escape(curl, city, 0);
	if (!escaped)
		percore_no_memory();
	struct curl_slist *headers = headers_for(request);
	answer->length = 0;
	curl_easy_setopt(curl, CURLOPT_URL, percore_format(request, "%s?city=%s", upstream, escaped));
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, answer);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, request);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, left_ms);
	CURLcode code = curl_easy_perform(curl);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
	curl_slist_free_all(headers);
	curl_free(escaped);
	if (curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME, &seconds) == CURLE_OK)
		percore_histogram_record(duration, seconds);
	return code;
}

static bool is_object(struct percore_request *request, const struct answer *answer, json_object **json)
{
	return percore_read_json(request, answer->bytes, answer->length, 0, json) &&
	       json_object_is_type(*json, json_type_object);
}

/* ---- The request. */

static void get(struct percore_request *request)
{
	const char *city = percore_path_value(request, "city");
	struct answer *answer = percore_alloc(request, sizeof *answer);
	CURLcode code = ask(request, city, answer);
	json_object *weather = NULL;
	long status = 0;

	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return; /* nobody waits for an answer */
	if (code == CURLE_OPERATION_TIMEDOUT) {
		percore_answer_problem(request, 504, "The weather service did not answer in time.");
	} else if (code == CURLE_OK && status == 404) {
		percore_answer_problem(request, 404, "The weather service knows no such city.");
	} else if (code == CURLE_OK && status == 200 && is_object(request, answer, &weather)) {
		json_object *json = json_object_new_object();
		percore_json_add(json, "city", json_object_new_string(city));
		percore_json_add(json, "weather", json_object_get(weather)); /* it is lent */
		percore_answer_json(request, 200, json);
	} else {
		percore_log(request, PERCORE_LOG_WARNING, "%s: %s, status %ld, %zu bytes", upstream,
		            curl_easy_strerror(code), status, answer->length);
		percore_answer_problem(request, 502, "The weather service gave no answer that can be used.");
	}
}

static struct percore_app *fetch(void)
{
	struct percore_app *app = percore_app_new("fetch", "1");

	percore_add_text(app, "upstream", &upstream, "the weather service, as https://w.example/weather");
	duration = percore_add_histogram(app, "fetch_upstream_seconds", "Time that the other service took.");
	percore_on_worker(app, start, stop, NULL);
	percore_add_route(app, &(struct percore_route){ .pattern = "/weather/{city}", .handler = get });
	percore_add_metrics(app, "/metrics");
	return app;
}

int main(int argc, char **argv)
{
	return percore_run(fetch(), argc, argv);
}
