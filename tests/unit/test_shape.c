/* SPDX-License-Identifier: ISC */
/* Documents by tables: what fits, what is said of what does not, wrong tables, and the way back. */
#include "ask.h"
#include "base/json_read.h"
#include "shape/shape.h"
#include "unit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct arena arena;
static json_object *documents; /* those that were read, for what was read may be of them */
static _Alignas(max_align_t) unsigned char first[1 << 18];

static json_object *parse(const char *text)
{
	const struct json_rules rules = { .levels = JSON_LEVELS_MAX, .memory = 100 << 20 };
	struct json_finding finding;
	json_object *json;

	ck_assert_msg(json_read(text, strlen(text), &rules, &finding, &json) == JSON_GOOD, "%s", text);
	return json;
}

static const struct shape *good(const struct percore_shape *table)
{
	const char *wrong = NULL;
	const struct shape *shape = shape_find(table, &wrong);

	ck_assert_msg(shape != NULL, "%s", wrong);
	return shape;
}

/* The faults, a line each: "POINTER DETAIL"; "": there are none */
static const char *read_with(const struct percore_shape *table, const char *text, void *out)
{
	static char lines[16384];
	json_object *json = parse(text), *member;
	size_t used = 0;

	if (!arena.at) {
		arena_init(&arena, first, sizeof first);
		memset(first, 0xff, sizeof first);
		documents = json_object_new_array();
	}
	if (json)
		percore_json_add(documents, NULL, json);
	json_object *faults = shape_read(good(table), json, &arena, out);
	*lines = '\0';
	for (size_t i = 0; faults && i < json_object_array_length(faults); i++)
		for (int j = 0; j < 2; j++) {
			json_object_object_get_ex(json_object_array_get_idx(faults, i),
			                          j ? "detail" : "pointer", &member);
			used += (size_t)snprintf(lines + used, sizeof lines - used, "%s%c",
			                         json_object_get_string(member), j ? '\n' : ' ');
		}
	json_object_put(faults);
	return lines;
}

/* ---- Each type. */

enum colour { RED, GREEN, BLUE };
static const char *const colours[] = { "red", "green", "blue", NULL };

struct all {
	const char *text;
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	double number;
	bool flag;
	enum colour colour;
	const char *word;
	json_object *json;
};
static const struct percore_field all_fields[] = {
	{ PERCORE_FIELD(struct all, text), .is_optional = true },
	{ PERCORE_FIELD(struct all, i8), .is_optional = true },
	{ PERCORE_FIELD(struct all, i16), .is_optional = true },
	{ PERCORE_FIELD(struct all, i32), .is_optional = true },
	{ PERCORE_FIELD(struct all, i64), .is_optional = true },
	{ PERCORE_FIELD(struct all, u8), .is_optional = true },
	{ PERCORE_FIELD(struct all, u16), .is_optional = true },
	{ PERCORE_FIELD(struct all, u32), .is_optional = true },
	{ PERCORE_FIELD(struct all, u64), .is_optional = true },
	{ PERCORE_FIELD(struct all, number), .is_optional = true },
	{ PERCORE_FIELD(struct all, flag), .is_optional = true },
	{ PERCORE_FIELD(struct all, colour), .is_optional = true, .values = colours },
	{ PERCORE_FIELD(struct all, word), .is_optional = true, .values = colours },
	{ PERCORE_FIELD(struct all, json), .is_optional = true },
	{ 0 },
};
static const struct percore_shape all_shape = { .name = "All", .fields = all_fields };

START_TEST(each_type_is_read)
{
	struct all all;

	ck_assert_str_eq(
		read_with(&all_shape,
	                  "{\"text\":\"\xc3\xa4\",\"i8\":-1,\"i16\":-2,\"i32\":-3,\"i64\":-4,\"u8\":1,"
	                  "\"u16\":2,\"u32\":3,\"u64\":4,\"number\":1.5,\"flag\":true,"
	                  "\"colour\":\"blue\",\"word\":\"green\",\"json\":[1]}",
	                  &all),
		"");
	ck_assert_str_eq(all.text, "\xc3\xa4");
	ck_assert(all.i8 == -1 && all.i16 == -2 && all.i32 == -3 && all.i64 == -4);
	ck_assert(all.u8 == 1 && all.u16 == 2 && all.u32 == 3 && all.u64 == 4);
	ck_assert(all.number == 1.5 && all.flag && all.colour == BLUE);
	ck_assert_str_eq(all.word, "green");
	ck_assert_str_eq(json_object_to_json_string_ext(all.json, 0), "[1]");
}
END_TEST

START_TEST(what_is_not_there_is_zero)
{
	struct all all, zero;

	memset(&all, 0xff, sizeof all);
	memset(&zero, 0, sizeof zero);
	ck_assert_str_eq(read_with(&all_shape, "{}", &all), "");
	ck_assert_mem_eq(&all, &zero, sizeof all);
}
END_TEST

START_TEST(another_type_is_a_fault)
{
	struct all all;

	ck_assert_str_eq(
		read_with(&all_shape,
	                  "{\"text\":1,\"i8\":\"1\",\"u8\":1.5,\"number\":\"1\",\"flag\":0,\"colour\":2,"
	                  "\"word\":true,\"json\":null}",
	                  &all),
		"/text must be a string\n/i8 must be an integer\n/u8 must be an integer\n"
		"/number must be a number\n/flag must be true or false\n/colour must be a string\n"
		"/word must be a string\n");
	ck_assert_str_eq(read_with(&all_shape, "{\"text\":null,\"i8\":null}", &all),
	                 "/text must be a string; leave it out where there is none\n"
	                 "/i8 must be an integer; leave it out where there is none\n");
	ck_assert_str_eq(read_with(&all_shape, "[]", &all), " must be an object\n");
	ck_assert_str_eq(read_with(&all_shape, "null", &all), " must be an object\n");
}
END_TEST

static const char *read_member(const char *name, const char *value)
{
	static struct all all;
	char text[128];

	snprintf(text, sizeof text, "{\"%s\":%s}", name, value);
	return read_with(&all_shape, text, &all);
}

START_TEST(integers_have_the_bounds_of_their_type)
{
	static const struct {
		const char *name, *least, *below, *most, *above, *fault;
	} cases[] = {
		{ "i8", "-128", "-129", "127", "128", "/i8 must be from -128 to 127\n" },
		{ "i16", "-32768", "-32769", "32767", "32768", "/i16 must be from -32768 to 32767\n" },
		{ "i32", "-2147483648", "-2147483649", "2147483647", "2147483648",
		  "/i32 must be from -2147483648 to 2147483647\n" },
		{ "i64", "-9223372036854775808", NULL, "9223372036854775807", "9223372036854775808",
		  "/i64 must be from -9223372036854775808 to 9223372036854775807\n" },
		{ "u8", "0", "-1", "255", "256", "/u8 must be from 0 to 255\n" },
		{ "u16", "0", "-1", "65535", "65536", "/u16 must be from 0 to 65535\n" },
		{ "u32", "0", "-1", "4294967295", "4294967296", "/u32 must be from 0 to 4294967295\n" },
		{ "u64", "0", "-1", "9223372036854775807", "18446744073709551615",
		  "/u64 must be from 0 to 9223372036854775807\n" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_str_eq(read_member(cases[i].name, cases[i].least), "");
		ck_assert_str_eq(read_member(cases[i].name, cases[i].most), "");
		ck_assert_str_eq(read_member(cases[i].name, cases[i].above), cases[i].fault);
		if (cases[i].below)
			ck_assert_str_eq(read_member(cases[i].name, cases[i].below), cases[i].fault);
	}
}
END_TEST

START_TEST(whole_numbers_with_a_point_are_integers)
{
	struct all all;

	ck_assert_str_eq(read_with(&all_shape, "{\"i16\":1e3,\"i32\":-0,\"i64\":9007199254740992.0}", &all),
	                 "");
	ck_assert(all.i16 == 1000 && all.i32 == 0 && all.i64 == INT64_C(9007199254740992));
	ck_assert_str_eq(read_member("i64", "9007199254740994.0"), "/i64 must be an integer\n");
	ck_assert_str_eq(read_member("i64", "1e999"), "/i64 must be an integer\n");
	ck_assert_str_eq(read_member("i8", "1e3"), "/i8 must be from -128 to 127\n");
}
END_TEST

START_TEST(numbers_are_doubles)
{
	struct all all;

	ck_assert_str_eq(read_with(&all_shape, "{\"number\":-0}", &all), "");
	ck_assert(all.number == 0 && signbit(all.number));
	ck_assert_str_eq(read_with(&all_shape, "{\"number\":9007199254740993}", &all), "");
	ck_assert(all.number == 9007199254740992.0);
	ck_assert_str_eq(read_with(&all_shape, "{\"number\":1e-400}", &all), "");
	ck_assert_str_eq(read_member("number", "1e309"), "/number must be at most about 1.8e308\n");
	ck_assert_str_eq(read_member("number", "-1e309"), "/number must be at least about -1.8e308\n");
}
END_TEST

START_TEST(values_are_those_of_the_list_in_full)
{
	ck_assert_str_eq(read_member("colour", "\"pink\""), "/colour must be one of: red, green, blue\n");
	ck_assert_str_eq(read_member("colour", "\"red\\u0000\""),
	                 "/colour must be one of: red, green, blue\n");
	ck_assert_str_eq(read_member("colour", "\"\""), "/colour must be one of: red, green, blue\n");
	ck_assert_str_eq(read_member("word", "\"gree\""), "/word must be one of: red, green, blue\n");
	ck_assert_str_eq(read_member("word", "\"red\\u0000\""), "/word must not hold U+0000\n");
	ck_assert_str_eq(read_member("text", "\"a\\u0000\""), "/text must not hold U+0000\n");
}
END_TEST

/* ---- Rules. */

struct ruled {
	const char *code, *name;
	int32_t year;
	double share, above, below;
	PERCORE_ITEMS(int16_t) sizes;
	PERCORE_ITEMS(const char *) tags;
};
static const struct percore_field ruled_fields[] = {
	{ PERCORE_FIELD(struct ruled, code), .pattern = "^[A-Z]{2}$" },
	{ PERCORE_FIELD(struct ruled, name), .name = "full/na~me", .length = { 2, 3 } },
	{ PERCORE_FIELD(struct ruled, year), .range = { 1900, 2100 } },
	{ PERCORE_FIELD(struct ruled, share), .range = { 0, .5 } },
	{ PERCORE_FIELD(struct ruled, above), .range = { 1, INFINITY } },
	{ PERCORE_FIELD(struct ruled, below), .range = { -INFINITY, 0 } },
	{ PERCORE_ARRAY(struct ruled, sizes), .count = { 1, 3 }, .range = { 1, 9 } },
	{ PERCORE_ARRAY(struct ruled, tags), .length = { 1, 0 } },
	{ 0 },
};
static const struct percore_shape ruled_shape = { .name = "Ruled", .fields = ruled_fields };

START_TEST(what_keeps_the_rules_fits)
{
	struct ruled r;

	ck_assert_str_eq(
		read_with(&ruled_shape,
	                  "{\"code\":\"DE\",\"full/na~me\":\"\xf0\x9f\x98\x80\xc3\xa4x\",\"year\":2100,"
	                  "\"share\":0.5,\"above\":1,\"below\":-1e300,\"sizes\":[1,9],\"tags\":[]}",
	                  &r),
		"");
	ck_assert(r.sizes.count == 2 && r.sizes.items[0] == 1 && r.sizes.items[1] == 9);
	ck_assert(r.tags.count == 0 && r.tags.items);
}
END_TEST

START_TEST(each_fault_is_listed_with_its_place)
{
	struct ruled r;

	ck_assert_str_eq(read_with(&ruled_shape,
	                           "{\"code\":\"DEU\",\"full/na~me\":\"\xf0\x9f\x98\x80\",\"year\":1899,"
	                           "\"share\":0.51,\"above\":0,\"below\":1,\"sizes\":[0,9,null],"
	                           "\"tags\":[\"\",\"a\",1],\"x~/y\":1}",
	                           &r),
	                 "/code must match ^[A-Z]{2}$\n/full~1na~0me must have from 2 to 3 characters\n"
	                 "/year must be from 1900 to 2100\n/share must be from 0 to 0.5\n"
	                 "/above must be at least 1\n/below must be at most 0\n"
	                 "/sizes/0 must be from 1 to 9\n/sizes/2 must be an integer\n"
	                 "/tags/0 must have at least 1 character\n/tags/2 must be a string\n"
	                 "/x~0~1y is not known\n");
	ck_assert_str_eq(read_with(&ruled_shape, "{\"sizes\":[1,2,3,4],\"tags\":{}}", &r),
	                 "/code is missing\n/full~1na~0me is missing\n/year is missing\n/share is missing\n"
	                 "/above is missing\n/below is missing\n/sizes must have from 1 to 3 items\n"
	                 "/tags must be an array\n");
}
END_TEST

static const struct percore_field tags_fields[] = { { PERCORE_ARRAY(struct ruled, tags), .length = { 1, 0 } },
	                                            { 0 } };
static const struct percore_shape tags_shape = { .name = "Tags", .fields = tags_fields };

/* An array of `count` empty strings. */
static char *many(size_t count)
{
	char *text = malloc(count * 3 + 64), *to = text;

	to += sprintf(to, "{\"tags\":[");
	for (size_t i = 0; i < count; i++)
		to += sprintf(to, "%s\"\"", i ? "," : "");
	sprintf(to, "]}");
	return text;
}

START_TEST(arrays_are_bounded_and_so_are_faults)
{
	struct ruled r;
	char *text = many(1001);

	ck_assert_str_eq(read_with(&tags_shape, text, &r), "/tags must have at most 1000 items\n");
	free(text);
	text = many(1000);
	const char *lines = read_with(&tags_shape, text, &r);
	size_t count = 0;
	for (const char *at = lines; (at = strchr(at, '\n')); at++)
		count++;
	ck_assert_uint_eq(count, SHAPE_FAULTS_MAX);
	free(text);
}
END_TEST

/* ---- Structs in structs. */

struct point {
	int32_t x, y;
	bool has_y;
};
static const struct percore_field point_fields[] = {
	{ PERCORE_FIELD(struct point, x) },
	{ PERCORE_FIELD(struct point, y), PERCORE_GIVEN(struct point, has_y) },
	{ 0 },
};
static const struct percore_shape point_shape = { .name = "Point", .fields = point_fields };

struct node {
	bool has_at;
	int64_t id;
	struct point at;
	PERCORE_ITEMS(struct point) path;
	PERCORE_ITEMS(struct node) children;
	json_object *extra;
};
static const struct percore_shape node_shape;
static const struct percore_field node_fields[] = {
	{ PERCORE_FIELD(struct node, id), .is_read_only = true },
	{ PERCORE_FIELD(struct node, at), PERCORE_GIVEN(struct node, has_at), .shape = &point_shape },
	{ PERCORE_ARRAY(struct node, path), .is_optional = true, .shape = &point_shape },
	{ PERCORE_ARRAY(struct node, children), .is_optional = true, .shape = &node_shape },
	{ PERCORE_FIELD(struct node, extra), .is_optional = true },
	{ 0 },
};
static const struct percore_shape node_shape = { .name = "Node",
	                                         .fields = node_fields,
	                                         .allows_others = true };

START_TEST(structs_are_read_in_structs_and_arrays)
{
	struct node node;

	ck_assert_str_eq(read_with(&node_shape,
	                           "{\"id\":\"mine\",\"at\":{\"x\":1},\"path\":[{\"x\":2,\"y\":3},{\"x\":4}],"
	                           "\"children\":[{\"at\":{\"x\":5}},{}],\"other\":[{}]}",
	                           &node),
	                 "");
	ck_assert(node.id == 0 && node.has_at && node.at.x == 1 && !node.at.has_y);
	ck_assert(node.path.count == 2 && node.path.items[0].y == 3 && node.path.items[1].x == 4);
	ck_assert(node.path.items[0].has_y && !node.path.items[1].has_y);
	ck_assert(node.children.count == 2 && node.children.items[0].at.x == 5);
	ck_assert(!node.children.items[1].has_at && !node.children.items[1].children.items);
	ck_assert_str_eq(read_with(&node_shape,
	                           "{\"at\":[],\"path\":[{\"x\":1},{\"y\":1,\"z\":1},[]],"
	                           "\"children\":[{},{\"children\":[{\"at\":{}}]}]}",
	                           &node),
	                 "/at must be an object\n/path/1/x is missing\n/path/1/z is not known\n"
	                 "/path/2 must be an object\n/children/1/children/0/at/x is missing\n");
}
END_TEST

/* ---- The way back. */

static const char *written(const struct percore_shape *table, const void *in)
{
	static char text[4096];
	json_object *json = percore_shape_json(table, in);

	snprintf(text, sizeof text, "%s", json ? json_object_to_json_string_ext(json, 0) : "NULL");
	json_object_put(json);
	return text;
}

START_TEST(what_is_read_is_written_as_it_was)
{
	static const struct {
		const struct percore_shape *shape;
		const char *text;
	} cases[] = {
		{ &all_shape,
		  "{\"text\":\"\\u0001\\\"\xc3\xa4\",\"i8\":-128,\"i16\":-32768,\"i32\":-2147483648,"
		  "\"i64\":-9223372036854775808,\"u8\":255,\"u16\":65535,\"u32\":4294967295,"
		  "\"u64\":9223372036854775807,\"number\":0.1,\"flag\":true,\"colour\":\"green\","
		  "\"word\":\"blue\",\"json\":{\"a\":[null,1.50]}}" },
		{ &node_shape, "{\"id\":0,\"at\":{\"x\":1},\"path\":[],\"children\":[{\"id\":0},{\"id\":0,"
		               "\"path\":[{\"x\":1,"
		               "\"y\":0}]}]}" },
	};
	union {
		struct all all;
		struct node node;
	} out;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		ck_assert_str_eq(read_with(cases[i].shape, cases[i].text, &out), "");
		ck_assert_str_eq(written(cases[i].shape, &out), cases[i].text);
	}
}
END_TEST

START_TEST(numbers_are_written_with_as_few_digits_as_give_them_back)
{
	static const char *const numbers[] = { "0.1",
		                               "-0",
		                               "9007199254740992",
		                               "1e+300",
		                               "1.7976931348623157e+308",
		                               "4.94065645841247e-324",
		                               "0.30000000000000004" };
	struct all all = { 0 };
	char wanted[64];

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		all.number = strtod(numbers[i], NULL);
		snprintf(wanted, sizeof wanted, "\"number\":%s,", numbers[i]);
		ck_assert_msg(strstr(written(&all_shape, &all), wanted) != NULL, "%s", numbers[i]);
	}
}
END_TEST

START_TEST(a_struct_that_is_no_json_is_not_written)
{
	static const struct percore_field fields[] = { { PERCORE_FIELD(struct all, word) }, { 0 } };
	static const struct percore_shape one = { .name = "One", .fields = fields };
	char wrong[SHAPE_WRONG_MAX];
	struct all all = { 0 };
	struct node node = { 0 };

	ck_assert_ptr_null(shape_write(good(&one), &all, wrong));
	ck_assert_str_eq(wrong, "shape One: member word: its text is NULL");
	all.word = "\xff";
	ck_assert_str_eq(written(&one, &all), "NULL");
	all = (struct all){ .number = NAN };
	ck_assert_str_eq(written(&all_shape, &all), "NULL");
	all = (struct all){ .colour = BLUE + 1 };
	ck_assert_ptr_null(shape_write(good(&all_shape), &all, wrong));
	ck_assert_str_eq(wrong, "shape All: member colour: it is the place of none of its values");
	all = (struct all){ .u64 = UINT64_MAX };
	ck_assert_str_eq(written(&all_shape, &all), "NULL");
	node.path.count = 1;
	ck_assert_str_eq(written(&node_shape, &node), "{\"id\":0}"); /* it was not given */
	node.children.items = &node;
	node.children.count = 1;
	ck_assert_str_eq(written(&node_shape, &node), "NULL"); /* it has no end */
}
END_TEST

START_TEST(levels_are_bounded_when_written)
{
	struct node nodes[65] = { { 0 } };

	for (size_t i = 0; i + 1 < 65; i++) {
		nodes[i].children.items = &nodes[i + 1];
		nodes[i].children.count = 1;
	}
	ck_assert_str_eq(written(&node_shape, &nodes[0]), "NULL");
	ck_assert_str_ne(written(&node_shape, &nodes[1]), "NULL");
}
END_TEST

/* ---- Tables that are wrong. */

static const char *wrong_of(struct percore_field field)
{
	static char text[SHAPE_WRONG_MAX];
	const struct percore_field fields[] = { field, { 0 } };
	const struct percore_shape shape = { .name = "W", .fields = fields };
	const char *wrong;

	ck_assert_ptr_null(shape_find(&shape, &wrong));
	ck_assert_ptr_null(shape_find(&shape, &wrong)); /* and again */
	const char *member = strstr(wrong, field.member);
	snprintf(text, sizeof text, "%s", member ? member : wrong);
	shape_forget_all();
	return text;
}

static void is_wrong(struct percore_field field, const char *like)
{
	const char *wrong = wrong_of(field);

	ck_assert_msg(strstr(wrong, like) != NULL, "%s: wanted %s", wrong, like);
}

struct odd {
	int32_t number;
	char inline_text[sizeof(char *)];
	float single;
	const char *text;
	bool flag;
	double real;
	struct point point;
	PERCORE_ITEMS(int32_t) list;
};
static const struct percore_field too_many = { PERCORE_ARRAY(struct odd, list), .count = { 1001, 0 } };
#define ODD(member, ...) ((struct percore_field){ PERCORE_FIELD(struct odd, member), __VA_ARGS__ })

START_TEST(types_that_are_none_are_refused)
{
	is_wrong(ODD(inline_text, .is_optional = false), "its type is none that percore reads");
	is_wrong(ODD(single, .is_optional = false), "its type is none that percore reads");
	is_wrong(ODD(point, .is_optional = false), "it has no .shape");
	is_wrong(ODD(number, .shape = &point_shape), "only a struct has a .shape");
	is_wrong(ODD(point, .shape = &node_shape), "that of another struct");
	is_wrong(ODD(point, .shape = &point_shape, .is_optional = true), "needs PERCORE_GIVEN");
	is_wrong((struct percore_field){ .member = "x", .within = 8, .size = 4 }, "it has no type");
	is_wrong((struct percore_field){ .member = "x", .type = PERCORE_INTEGER, .within = 8, .size = 3 },
	         "its size is not that of its type");
	is_wrong((struct percore_field){ .member = "x", .type = PERCORE_TEXT, .within = 8, .size = 2 },
	         "its size is not that of its type");
}
END_TEST

START_TEST(members_outside_of_the_struct_or_over_others_are_refused)
{
	struct percore_field pair[3] = { ODD(number, .is_optional = true), ODD(flag, .is_optional = true) };
	const struct percore_shape shape = { .name = "Pair", .fields = pair };
	const char *wrong;

	is_wrong(
		(struct percore_field){
			.member = "x", .type = PERCORE_INTEGER, .within = 8, .size = 4, .offset = 5 },
		"outside");
	is_wrong((struct percore_field){ .member = "x",
	                                 .type = PERCORE_INTEGER,
	                                 .within = 8,
	                                 .size = 4,
	                                 .offset = SIZE_MAX - 1 },
	         "outside");
	is_wrong((struct percore_field){ .member = "x", .type = PERCORE_INTEGER, .within = 2, .size = 4 },
	         "outside");
	is_wrong(ODD(number, .is_optional = true, .given = 2), "over another");
	is_wrong(ODD(number, .is_optional = true, .given = sizeof(struct odd) + 1), "outside");
	ck_assert_ptr_nonnull(shape_find(&shape, &wrong));
	shape_forget_all();
	pair[1].offset = pair[0].offset + 3;
	ck_assert_ptr_null(shape_find(&shape, &wrong));
	ck_assert_str_eq(wrong, "shape Pair: member flag: it lies over another member: is it there twice?");
	shape_forget_all();
	pair[1] = ODD(flag, .name = "number");
	ck_assert_ptr_null(shape_find(&shape, &wrong));
	ck_assert_str_eq(wrong, "shape Pair: member flag: another member has this name");
	shape_forget_all();
	pair[1] = (struct percore_field){ PERCORE_FIELD(struct point, y) };
	ck_assert_ptr_null(shape_find(&shape, &wrong));
	ck_assert_msg(strstr(wrong, "another struct") != NULL, "%s", wrong);
}
END_TEST

START_TEST(rules_that_cannot_hold_are_refused)
{
	static const char *const none[] = { NULL }, *const bad[] = { "\xff", NULL };

	is_wrong(ODD(text, .range = { 1, 2 }), "only a number");
	is_wrong(ODD(number, .range = { 2, 1 }), "ends before its begin");
	is_wrong(ODD(number, .range = { 0, .5 }), "not an integer");
	is_wrong(ODD(number, .range = { 0, 1e17 }), "not an integer");
	is_wrong(ODD(number, .range = { 3e9, 4e9 }), "its type has none");
	is_wrong(ODD(real, .range = { NAN, 1 }), "no number");
	is_wrong(ODD(number, .length = { 1, 2 }), "only a text");
	is_wrong(ODD(text, .length = { 2, 1 }), "ends before its begin");
	is_wrong(ODD(text, .count = { 0, 1 }), "only an array");
	is_wrong(ODD(flag, .values = colours), "only a text");
	is_wrong(ODD(text, .values = none), "are none");
	is_wrong(ODD(text, .values = bad), "no UTF-8");
	is_wrong(ODD(text, .name = "\xff"), "its name is no UTF-8");
	is_wrong(ODD(text, .pattern = "(a"), "a ( has no )");
	is_wrong(ODD(real, .given = offsetof(struct odd, flag) + 1), "not optional");
	is_wrong(too_many, "ends before");
}
END_TEST

struct inner {
	PERCORE_ITEMS(struct outer) up;
};
struct outer {
	PERCORE_ITEMS(struct inner) down;
	const char *text;
};
static const struct percore_shape outer_shape, inner_shape;
static const struct percore_field outer_fields[] = { { PERCORE_ARRAY(struct outer, down),
	                                               .shape = &inner_shape },
	                                             { PERCORE_FIELD(struct outer, text), .pattern = "*" },
	                                             { 0 } };
static const struct percore_field inner_fields[] = {
	{ PERCORE_ARRAY(struct inner, up), .shape = &outer_shape }, { 0 }
};
static const struct percore_shape outer_shape = { .name = "Outer", .fields = outer_fields };
static const struct percore_shape inner_shape = { .name = "Inner", .fields = inner_fields };

START_TEST(what_leads_to_a_wrong_table_is_wrong_too)
{
	const char *wrong;

	ck_assert_ptr_null(shape_find(&outer_shape, &wrong));
	ck_assert_ptr_null(shape_find(&inner_shape, &wrong));
	ck_assert_msg(strstr(wrong, "shape Outer: member text: there is nothing to repeat") == wrong, "%s",
	              wrong);
}
END_TEST

START_TEST(names_of_shapes_are_for_one_alone)
{
	const struct percore_shape names[] = { { .name = "Point", .fields = point_fields },
		                               { .name = "Problem", .fields = point_fields },
		                               { .name = "a b", .fields = point_fields },
		                               { .fields = point_fields },
		                               { .name = "None" } };
	const char *wrong;

	good(&point_shape);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		ck_assert_ptr_null(shape_find(&names[i], &wrong));
}
END_TEST

/* ---- Patterns. */

START_TEST(patterns_are_those_of_ecma_262)
{
	static const struct {
		const char *pattern, *text;
		bool fits;
	} cases[] = {
		{ "", "", true },
		{ "b", "abc", true },
		{ "^b", "abc", false },
		{ "^(a|bc)*$", "abcbca", true },
		{ "^(a|bc)*$", "abcb", false },
		{ "^(?:a*)*b$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
		{ "^.{3}$", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", true },
		{ "^.$", "\n", false },
		{ "^.$", "\xe2\x80\xa8", false },
		{ "^a$", "a\n", false },
		{ "^[^a-c]$", "\xc3\xa4", true },
		{ "^[\xc3\xa4-\xe2\x82\xac]$", "\xc4\x80", true },
		{ "^[\\]\\-^]+$", "]-^", true },
		{ "^[a-]+$", "-a", true },
		{ "^\\d\\D\\w\\W\\s\\S$", "1a_- x", true },
		{ "^\\s$", "\xc2\xa0", true },
		{ "^\\w$", "\xc3\xa4", false },
		{ "^a{2}$", "aaa", false },
		{ "^a{2,}$", "aaa", true },
		{ "^a{0,2}?b$", "aab", true },
		{ "^a{0}$", "", true },
		{ "a||b", "x", true },
		{ "^\\$\\.\\/\\{$", "$./{", true },
		{ "^\\n\\t$", "\n\t", true },
	};
	const char *wrong;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct pattern *pattern = pattern_compile(cases[i].pattern, &wrong);
		ck_assert_msg(pattern != NULL, "%s: %s", cases[i].pattern, wrong);
		ck_assert_msg(pattern_matches(pattern, cases[i].text, strlen(cases[i].text)) == cases[i].fits,
		              "%s", cases[i].pattern);
		pattern_free(pattern);
	}
}
END_TEST

START_TEST(patterns_that_not_all_read_alike_are_refused)
{
	static const char *const patterns[] = {
		"*",
		"a**",
		"(",
		")",
		"a)",
		"[",
		"[]",
		"[^]",
		"[z-a]",
		"[a-\\d]",
		"[\\d-a]",
		"{",
		"}",
		"]",
		"a{",
		"a{,2}",
		"a{3,2}",
		"a{1001}",
		"\\1",
		"\\b",
		"\\",
		"\\p{L}",
		"\\u0041",
		"(?=a)",
		"(?!a)",
		"(?<n>a)",
		"^*",
		"\xff",
		"[\\D]",
		"a{2147483648}",
		"(a{1000}){1000}",
	};
	const char *wrong;

	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
		struct pattern *pattern = pattern_compile(patterns[i], &wrong);
		ck_assert_msg(!pattern, "%s", patterns[i]);
		ck_assert_ptr_nonnull(wrong);
	}
}
END_TEST

START_TEST(many_parentheses_and_alternatives_are_bounded)
{
	char text[4096];
	const char *wrong;

	memset(text, '(', 1000);
	memset(text + 1000, ')', 1000);
	text[2000] = '\0';
	ck_assert_ptr_null(pattern_compile(text, &wrong));
	memset(text, '|', 3000);
	text[3000] = '\0';
	ck_assert_ptr_null(pattern_compile(text, &wrong));
	ck_assert_str_eq(wrong, "it is too large");
	for (size_t i = 0; i < 200; i++)
		memcpy(text + i * 4, "\\s\\s", 4);
	text[0] = '[';
	text[1] = '\\';
	text[2] = 's';
	text[3] = ' ';
	text[800] = ']';
	text[801] = '\0';
	ck_assert_ptr_null(pattern_compile(text, &wrong));
}
END_TEST

/* ---- In a request. */

static void take_point(struct percore_request *request)
{
	struct point point;

	if (!percore_body_shape(request, &point_shape, &point))
		return;
	point.x++;
	percore_answer_shape(request, 201, &point_shape, &point);
}

static void take_wrong(struct percore_request *request)
{
	static const struct percore_field fields[] = { { PERCORE_FIELD(struct odd, single) }, { 0 } };
	static const struct percore_shape shape = { .name = "Odd", .fields = fields };
	struct odd odd;

	if (percore_body_shape(request, &shape, &odd))
		percore_answer_shape(request, 200, &shape, &odd);
}

static void give_nothing(struct percore_request *request)
{
	static const struct percore_field fields[] = { { PERCORE_FIELD(struct odd, text) }, { 0 } };
	static const struct percore_shape shape = { .name = "Text", .fields = fields };

	percore_answer_shape(request, 200, &shape, &(struct odd){ 0 });
}

static const struct told *post(percore_handler handler, const char *type, const char *body)
{
	return ask(&(struct ask){ .handler = handler, .method = "POST", .type = type, .body = body });
}

START_TEST(a_body_that_fits_is_read_and_a_struct_answered)
{
	const struct told *told = post(take_point, "application/json", "{\"x\":1}");

	ck_assert_int_eq(told->status, 201);
	ck_assert_str_eq(told->body, "{\"x\":2}");
	ck_assert_str_eq(told_header(told, "Content-Type"), "application/json");
}
END_TEST

START_TEST(a_body_that_does_not_fit_is_a_422_with_all_faults)
{
	const struct told *told = post(take_point, "application/json", "{\"y\":true,\"z\":1}");

	ck_assert_int_eq(told->status, 422);
	ck_assert_str_eq(told_header(told, "Content-Type"), "application/problem+json");
	ck_assert_ptr_nonnull(strstr(told->body, "\"title\":\"Unprocessable Content\""));
	ck_assert_ptr_nonnull(strstr(told->body, "\"errors\":[{\"pointer\":\"/x\",\"detail\":\"is missing\"},"
	                                         "{\"pointer\":\"/y\",\"detail\":\"must be an integer\"},"
	                                         "{\"pointer\":\"/z\",\"detail\":\"is not known\"}]"));
}
END_TEST

START_TEST(what_is_no_json_is_answered_as_ever)
{
	ck_assert_int_eq(post(take_point, "text/plain", "{}")->status, 415);
	ck_assert_int_eq(post(take_point, "application/json", "{")->status, 400);
	ck_assert_int_eq(post(take_point, "application/json", "{\"x\":1,\"x\":1}")->status, 400);
}
END_TEST

START_TEST(a_wrong_table_or_struct_is_a_500)
{
	ck_assert_int_eq(post(take_wrong, "application/json", "{}")->status, 500);
	ck_assert_int_eq(post(give_nothing, "application/json", "{}")->status, 500);
}
END_TEST

Suite *shape_suite(void)
{
	const TTest *const tests[] = {
		each_type_is_read,
		what_is_not_there_is_zero,
		another_type_is_a_fault,
		integers_have_the_bounds_of_their_type,
		whole_numbers_with_a_point_are_integers,
		numbers_are_doubles,
		values_are_those_of_the_list_in_full,
		what_keeps_the_rules_fits,
		each_fault_is_listed_with_its_place,
		arrays_are_bounded_and_so_are_faults,
		structs_are_read_in_structs_and_arrays,
		what_is_read_is_written_as_it_was,
		numbers_are_written_with_as_few_digits_as_give_them_back,
		a_struct_that_is_no_json_is_not_written,
		levels_are_bounded_when_written,
		types_that_are_none_are_refused,
		members_outside_of_the_struct_or_over_others_are_refused,
		rules_that_cannot_hold_are_refused,
		what_leads_to_a_wrong_table_is_wrong_too,
		names_of_shapes_are_for_one_alone,
		patterns_are_those_of_ecma_262,
		patterns_that_not_all_read_alike_are_refused,
		many_parentheses_and_alternatives_are_bounded,
		a_body_that_fits_is_read_and_a_struct_answered,
		a_body_that_does_not_fit_is_a_422_with_all_faults,
		what_is_no_json_is_answered_as_ever,
		a_wrong_table_or_struct_is_a_500,
		NULL,
	};

	return suite_of("shape", tests);
}
