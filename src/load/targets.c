/* SPDX-License-Identifier: ISC */
/* targets - files, requests, and what each URL answers. */
#include "load/targets.h"

#include "load/fcgi_client.h"
#include "load/http.h"
#include "load/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static bool read_file(const char *option, const char *path, struct body_copy *content)
{
	FILE *file = fopen(path, "re");

	if (file) {
		char buffer[65536];
		size_t n;
		while ((n = fread(buffer, 1, sizeof buffer, file)) > 0 && !content->failed)
			body_copy_add(content, buffer, n);
		content->failed = content->failed || ferror(file);
		fclose(file);
	}
	if (file && !content->failed)
		return true;
	fprintf(stderr, "percore-load: --%s %s: %s\n", option, path, strerror(errno));
	return false;
}

static bool build_request(const struct options *options, struct targets *targets, unsigned i)
{
	const char *body = targets->sent.bytes ? targets->sent.bytes : "";
	struct request request = { .url = &options->urls[i],
		                   .method = options->method,
		                   .headers = options->headers,
		                   .body = options->body_file ? body : NULL,
		                   .body_bytes = targets->sent.size,
		                   .keep = !options->no_keepalive };
	int failed = options->fcgi ? request_build_fcgi(&request, &targets->requests[i])
	                           : request_build_http(&request, &targets->requests[i]);

	targets->weights[i] = options->urls[i].weight;
	targets->expectations[i] = (struct expectation){ .status = (unsigned)options->expect_status,
		                                         .no_body = strcmp(options->method, "HEAD") == 0,
		                                         .check_body = options->check_file != NULL,
		                                         .body = targets->wanted.bytes,
		                                         .body_bytes = targets->wanted.size };
	if (failed)
		fprintf(stderr, "percore-load: building the request: %s\n", strerror(-failed));
	return !failed;
}

bool targets_build(const struct options *options, struct targets *targets)
{
	const struct protocol *fcgi = options->no_keepalive ? &fcgi_protocol_once : &fcgi_protocol;

	if (options->body_file && !read_file("body", options->body_file, &targets->sent))
		return false;
	if (options->check_file && !read_file("check", options->check_file, &targets->wanted))
		return false;
	for (unsigned i = 0; i < options->url_count; i++)
		if (!build_request(options, targets, i))
			return false;
	targets->run = (struct run_targets){ .address = &targets->address,
		                             .protocol = options->fcgi ? fcgi : &http_protocol,
		                             .requests = targets->requests,
		                             .expectations = targets->expectations,
		                             .weights = targets->weights,
		                             .count = options->url_count };
	return true;
}

/* --fcgi takes a path or HOST:PORT. */
static bool find_responder(const char *text, struct address *address)
{
	const char *colon = strrchr(text, ':');
	char host[256];

	if (strncmp(text, "unix:", 5) == 0)
		return server_at_unix(text + 5, address);
	if (!colon || strchr(text, '/'))
		return server_at_unix(text, address);
	snprintf(host, sizeof host, "%.*s", (int)(colon - text), text);
	return server_resolve(host, colon + 1, address);
}

static bool find_server(const struct options *options, struct address *address)
{
	if (options->fcgi)
		return find_responder(options->fcgi, address);
	if (options->unix_socket)
		return server_at_unix(options->unix_socket, address);
	return server_resolve(options->urls[0].host, options->urls[0].port, address);
}

/* --check without a file: what a URL answers first is what it must always answer. */
static bool learn_answer(const struct options *options, struct targets *targets, unsigned i)
{
	struct expectation *expected = &targets->expectations[i];
	struct body_copy *copy = &targets->answers[i];
	struct answer answer;

	answer_init(&answer, expected);
	answer.copy = copy;
	if (!server_ask(&targets->address, targets->run.protocol, &targets->requests[i], &answer,
	                options->timeout_ns))
		return false;
	if (copy->failed || !answer_has_good_status(&answer)) {
		fprintf(stderr, "percore-load: %s: the first answer has status %u; nothing to --check by\n",
		        options->urls[i].text, answer.status);
		return false;
	}
	expected->status = answer.status;
	expected->check_body = true;
	expected->body = copy->bytes;
	expected->body_bytes = copy->size;
	return true;
}

bool targets_meet(const struct options *options, struct targets *targets)
{
	if (!find_server(options, &targets->address))
		return false;
	if (!options->check || options->check_file)
		return server_is_there(&targets->address);
	for (unsigned i = 0; i < options->url_count; i++)
		if (!learn_answer(options, targets, i))
			return false;
	return true;
}

void targets_fini(struct targets *targets)
{
	for (unsigned i = 0; i < OPTIONS_URLS; i++) {
		free(targets->requests[i].bytes);
		free(targets->answers[i].bytes);
	}
	free(targets->sent.bytes);
	free(targets->wanted.bytes);
}
