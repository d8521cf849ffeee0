// SPDX-License-Identifier: ISC
// The peer in Node: node data.js PORT PROCESSES
"use strict";
const cluster = require("cluster");
const http = require("http");

const port = Number(process.argv[2]);
const processes = Number(process.argv[3] || 1);

function data(request, response) {
	let city = "";
	for (let round = 0; round < 100; round++) city = `Value: ${round}`;
	const text = JSON.stringify({ street: "10 Downing Street", city });
	response.writeHead(200, { "Content-Type": "application/json", "Content-Length": text.length });
	response.end(text);
}

if (processes > 1 && cluster.isMaster) {
	for (let n = 0; n < processes; n++) cluster.fork();
} else {
	const server = http.createServer(data);
	server.keepAliveTimeout = 3600 * 1000;
	server.listen({ port, host: "127.0.0.1", backlog: 4096 });
}
