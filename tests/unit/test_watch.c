/* SPDX-License-Identifier: ISC */
/* A file that was written or replaced is told once it is left alone. */
#include "supervisor/watch.h"
#include "unit.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], file[128], other[128];
static struct watch watch;
static uint64_t now_ms;

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void begin(void)
{
	strcpy(folder, "/tmp/percore-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(file, sizeof file, "%s/program", folder);
	snprintf(other, sizeof other, "%s/other", folder);
	write_file(file, "one");
	watch_init(&watch, (const char *const[]){ file, NULL });
	ck_assert_int_eq(watch_open(&watch), 0);
	now_ms = 1000;
	ck_assert_ptr_null(watch_take(&watch, now_ms));
}

static void end(void)
{
	watch_close(&watch);
	unlink(file);
	unlink(other);
	rmdir(folder);
}

/* Not at once, and not twice. */
static bool is_told(void)
{
	ck_assert_ptr_null(watch_take(&watch, now_ms += 50));
	ck_assert_ptr_null(watch_take(&watch, now_ms += 90));
	const char *told = watch_take(&watch, now_ms += 20);
	ck_assert_ptr_null(watch_take(&watch, now_ms += 1000));
	return told && strcmp(told, file) == 0;
}

START_TEST(file_that_is_written_is_told)
{
	begin();
	ck_assert(!is_told());
	write_file(file, "two");
	ck_assert(is_told());
	ck_assert(!is_told());
	end();
}
END_TEST

START_TEST(file_that_is_replaced_is_told_each_time)
{
	begin();
	for (int i = 0; i < 3; i++) {
		write_file(other, "two");
		ck_assert_int_eq(rename(other, file), 0);
		ck_assert(is_told());
	}
	unlink(file);
	ck_assert(!is_told()); /* there is nothing to start */
	write_file(file, "three");
	ck_assert(is_told());
	end();
}
END_TEST

START_TEST(file_beside_it_is_not_told)
{
	begin();
	write_file(other, "two");
	ck_assert(!is_told());
	end();
}
END_TEST

START_TEST(file_that_is_still_written_is_not_told)
{
	begin();
	unlink(file);
	int fd = open(file, O_WRONLY | O_CREAT, 0600);
	ck_assert_int_eq(write(fd, "two", 3), 3);
	ck_assert(!is_told());
	ck_assert_int_eq(write(fd, "two", 3), 3);
	close(fd);
	ck_assert_ptr_null(watch_take(&watch, now_ms));
	write_file(file, "three"); /* anew: the time begins again */
	ck_assert(is_told());
	end();
}
END_TEST

START_TEST(file_that_becomes_executable_is_told)
{
	begin();
	ck_assert_int_eq(chmod(file, 0700), 0);
	ck_assert(is_told());
	end();
}
END_TEST

START_TEST(folder_that_is_made_anew_is_watched_again)
{
	begin();
	unlink(file);
	rmdir(folder);
	ck_assert(!is_told());
	mkdir(folder, 0700);
	ck_assert(!is_told());
	write_file(file, "two");
	ck_assert(is_told());
	end();
}
END_TEST

START_TEST(folder_in_the_place_of_one_that_was_renamed_is_watched)
{
	char away[sizeof folder + 8], moved[sizeof file + 8];

	begin();
	snprintf(away, sizeof away, "%s.away", folder);
	snprintf(moved, sizeof moved, "%s/program", away);
	ck_assert_int_eq(rename(folder, away), 0);
	mkdir(folder, 0700);
	write_file(file, "two");
	ck_assert(is_told());
	write_file(moved, "three");
	ck_assert(!is_told());
	write_file(file, "four");
	ck_assert(is_told());
	unlink(moved);
	rmdir(away);
	end();
}
END_TEST

START_TEST(what_a_link_leads_to_is_watched)
{
	char link[sizeof folder + 16];

	begin();
	snprintf(link, sizeof link, "%s.link", folder);
	ck_assert_int_eq(symlink(file, link), 0);
	watch_close(&watch);
	watch_init(&watch, (const char *const[]){ "/nowhere/at/all", link, NULL });
	ck_assert_int_eq(watch_open(&watch), 0);
	write_file(file, "two");
	ck_assert(is_told());
	unlink(link);
	end();
}
END_TEST

START_TEST(change_while_it_goes_over_into_another_program_is_not_lost)
{
	struct watch here;

	begin();
	write_file(file, "two");
	ck_assert_ptr_null(watch_take(&watch, now_ms));
	memcpy(&here, &watch, sizeof here);
	memset(&watch, 0, sizeof watch);
	ck_assert_str_eq(watch_take(&here, now_ms + 100), file);
	write_file(file, "three");
	memcpy(&watch, &here, sizeof here);
	ck_assert(is_told());
	end();
}
END_TEST

Suite *watch_suite(void)
{
	const TTest *const tests[] = { file_that_is_written_is_told,
		                       file_that_is_replaced_is_told_each_time,
		                       file_beside_it_is_not_told,
		                       file_that_is_still_written_is_not_told,
		                       file_that_becomes_executable_is_told,
		                       folder_that_is_made_anew_is_watched_again,
		                       folder_in_the_place_of_one_that_was_renamed_is_watched,
		                       what_a_link_leads_to_is_watched,
		                       change_while_it_goes_over_into_another_program_is_not_lost,
		                       NULL };

	return suite_of("watch", tests);
}
