/* SPDX-License-Identifier: ISC */
/* orders - a service that counts what it does: its own metrics stand in /metrics beside percore's. */
#include <percore.h>

#include <string.h>

/*
 * An order outlives the worker that took it, so a gauge cannot count the open ones: it starts at 0 in
 * each worker.  Two counters can: open are sum(shop_orders_total) - shop_orders_closed_total.
 */
static struct percore_counter *books, *pens, *closed;
static struct percore_histogram *pricing;

/* What a worker has in its own memory is gone with it, and so is its gauge. */
static struct percore_gauge *known_prices;
static bool is_known[2];

static void find_price(bool is_book)
{
	percore_histogram_record(pricing, is_book ? 0.002 : 0.0005);
	is_known[is_book] = true;
	percore_gauge_set(known_prices, is_known[0] + is_known[1]);
}

static void order(struct percore_request *request)
{
	const char *what = percore_path_value(request, "what");
	bool is_book = what && strcmp(what, "book") == 0;

	find_price(is_book);
	percore_counter_add(is_book ? books : pens, 1);
	percore_answer_empty(request);
}

static void close_order(struct percore_request *request)
{
	percore_counter_add(closed, 1);
	percore_answer_empty(request);
}

static const struct percore_route routes[] = {
	{ .method = "POST", .pattern = "/orders/{what}", .handler = order },
	{ .method = "DELETE", .pattern = "/orders/{what}", .handler = close_order },
	{ 0 },
};

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("orders", "1");

	books = percore_add_counter(app, "shop_orders_total{what=\"book\"}", "Orders taken.");
	pens = percore_add_counter(app, "shop_orders_total{what=\"pen\"}", "Orders taken.");
	closed = percore_add_counter(app, "shop_orders_closed_total", "Orders that are done with.");
	known_prices = percore_add_gauge(app, "shop_known_prices", "Prices in the memory of the workers.");
	pricing = percore_add_histogram(app, "shop_pricing_seconds", "Time to find a price.");
	percore_add_routes(app, routes);
	percore_add_metrics(app, "/metrics");
	return percore_run(app, argc, argv);
}
