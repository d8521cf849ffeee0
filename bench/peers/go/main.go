// SPDX-License-Identifier: ISC
// The peer in Go: net/http/fcgi on the socket at descriptor 0.  GOMAXPROCS sets how many cores it uses.
//
//	peer-go WAIT_US
package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/fcgi"
	"os"
	"strconv"
	"time"
)

type data struct {
	Street string `json:"street"`
	City   string `json:"city"`
}

func main() {
	var wait time.Duration
	if len(os.Args) > 1 {
		us, _ := strconv.Atoi(os.Args[1])
		wait = time.Duration(us) * time.Microsecond
	}
	err := fcgi.Serve(nil, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		city := ""
		for round := 0; round < 100; round++ {
			city = fmt.Sprintf("Value: %d", round)
		}
		if wait > 0 {
			time.Sleep(wait)
		}
		text, _ := json.Marshal(data{"10 Downing Street", city})
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(text)))
		w.Write(text)
	}))
	fmt.Fprintln(os.Stderr, "peer-go:", err)
	os.Exit(1)
}
