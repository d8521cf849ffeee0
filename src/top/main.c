/* SPDX-License-Identifier: ISC */
/*
 * percore-top - what a service does, in a terminal, from its shared memory: the service does nothing for it.
 *
 * The way: the service (service.c), a copy of its memory (copy.c), a sample (sample.c), two of them a report
 * (report.c, warnings.c), which is shown (screen.c, table.c, report_json.c) once or live (live.c,
 * terminal.c).
 */
#include "top/live.h"
#include "top/options.h"
#include "top/report_json.h"
#include "top/screen.h"
#include "top/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int complain(const char *what)
{
	fprintf(stderr, "percore-top: %s\n", what);
	return 1;
}

static void wait_ms(uint64_t ms)
{
	struct timespec left = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

static bool print_text(struct report *report, const struct options *options, bool has_ended)
{
	struct view view = { .sorted = options->sorted, .has_ended = has_ended };
	struct screen screen = { 0 };

	screen_begin(&screen, SCREEN_MOST_WIDTH, 0);
	screen_once(&screen, &view, report);
	for (int i = 0; i < screen.count; i++)
		puts(screen.lines[i].text);
	screen_fini(&screen);
	return fflush(stdout) == 0 && !ferror(stdout);
}

static int run_once(struct source *source, const struct options *options)
{
	const char *wrong = NULL;

	if (options->interval_ms && !source->has_ended) {
		wait_ms(options->interval_ms);
		wrong = source_look(source);
	}
	struct report *report = wrong ? NULL : report_new(source->now, source->before);
	if (!report)
		return complain(wrong ? wrong : "no memory");
	bool good = options->is_json
	                    ? report_json(stdout, report, source->has_service ? &source->service : NULL,
	                                  source->has_ended)
	                    : print_text(report, options, source->has_ended);
	report_free(report);
	if (!good)
		return complain(strerror(errno));
	return source->has_ended ? complain("the service has ended: this is what it left") : 0;
}

int main(int argc, char **argv)
{
	static struct source source;
	struct options options;
	int status = options_read(&options, argc, argv);

	if (status >= 0)
		return status;
	status = source_open(&source, &options);
	if (status)
		return status;
	const char *wrong = source_look(&source);
	if (wrong) {
		if (options.file)
			fprintf(stderr, "percore-top: %s: %s\n", options.file, wrong);
		else
			fprintf(stderr, "percore-top: process %d: %s\n", (int)source.service.pid, wrong);
		status = 1;
	} else if (options.is_once || options.is_json || !isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		status = run_once(&source, &options);
	} else {
		status = live_run(&source, &options);
	}
	source_fini(&source);
	return status;
}
