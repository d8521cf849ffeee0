/* orders - a service that counts what it does: its own metrics stand in /metrics beside percore's. */
#include <percore.h>

#include <string.h>

static struct percore_counter *books, *pens;
static struct percore_gauge *open_orders;
static struct percore_histogram *pricing;

static void order(struct percore_request *request)
{
	const char *what = percore_path_value(request, "what");
	bool is_book = what && strcmp(what, "book") == 0;

	percore_counter_add(is_book ? books : pens, 1);
	percore_gauge_add(open_orders, 1);
	percore_histogram_record(pricing, is_book ? 0.002 : 0.0005);
	percore_answer_empty(request);
}

static void close_order(struct percore_request *request)
{
	percore_gauge_add(open_orders, -1);
	percore_answer_empty(request);
}

int main(int argc, char **argv)
{
	struct percore_app *app = percore_app_new("orders", "1");

	books = percore_add_counter(app, "shop_orders_total{what=\"book\"}", "Orders taken.");
	pens = percore_add_counter(app, "shop_orders_total{what=\"pen\"}", "Orders taken.");
	open_orders = percore_add_gauge(app, "shop_open_orders", "Orders that wait.");
	pricing = percore_add_histogram(app, "shop_pricing_seconds", "Time to find a price.");
	percore_add_route(app, "POST", "/orders/{what}", order);
	percore_add_route(app, "DELETE", "/orders/{what}", close_order);
	percore_add_metrics(app, "/metrics");
	return percore_run(app, argc, argv);
}
