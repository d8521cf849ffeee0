/* SPDX-License-Identifier: ISC */
#include "app.h"

int main(int argc, char **argv)
{
	return percore_run(app_new(), argc, argv);
}
