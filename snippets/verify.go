// A receiver that checks both signatures of a delivery. One of them is enough: take the function that suits you.
// Run it with   WEBHOOK_SECRET='whsec_…' go run verify.go   and set the webhook's URL to http://localhost:4545
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	tolerance = 5 * time.Minute
	largest   = 1024 * 1024 // bytes; payloads are at most 256 KiB
)

// X-Webhook-Signature. body: the raw bytes as received, before any JSON parsing. hmac.Equal compares in constant time.
func verifyBody(body []byte, header http.Header, secret string) bool {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	expected := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	return hmac.Equal([]byte(header.Get("X-Webhook-Signature")), []byte(expected))
}

// webhook-signature (Standard Webhooks). It covers the id and the time too, so that an old request cannot be sent again.
func verifyStandard(body []byte, header http.Header, secret string) bool {
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	expected := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, given := range strings.Fields(header.Get("webhook-signature")) {
		if hmac.Equal([]byte(given), []byte(expected)) {
			return true
		}
	}
	return false
}

func main() {
	secret, port := os.Getenv("WEBHOOK_SECRET"), os.Getenv("PORT")
	if secret == "" {
		log.Fatal("Set WEBHOOK_SECRET to the secret of the webhook.")
	}
	if port == "" {
		port = "4545"
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largest))
		if err != nil || !verifyBody(body, r.Header, secret) || !verifyStandard(body, r.Header, secret) {
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Println("INVALID")
			return
		}
		w.WriteHeader(http.StatusNoContent)
		var delivery struct{ Event string }
		json.Unmarshal(body, &delivery)
		// The same webhook-id again is a repeat of the same delivery: do its work once.
		fmt.Println("Valid", r.Header.Get("webhook-id"), delivery.Event)
	})
	fmt.Println("Listening on http://localhost:" + port)
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
