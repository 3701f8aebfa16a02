// Prints what BigQuery answers to a query, with a token from Google's own Go libraries and nothing but the usual
// environment: the argument "oauth2" asks golang.org/x/oauth2/google, as Terraform's google provider does, "auth" asks
// its successor, cloud.google.com/go/auth, as newer clients do. Then, for each line of standard input, it gets a token
// anew, as a program does that has run for an hour, and asks again.
package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strings"

	"cloud.google.com/go/auth/credentials"
	"golang.org/x/oauth2/google"
)

const scope = "https://www.googleapis.com/auth/cloud-platform"

func main() {
	log.SetFlags(0)
	fmt.Println(query(token(os.Args[1])))
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(query(token(os.Args[1])))
	}
}

// A new token from the named library's default credentials.
func token(library string) string {
	if library == "auth" {
		found, err := credentials.DetectDefault(&credentials.DetectOptions{Scopes: []string{scope}})
		check(err)
		made, err := found.Token(context.Background())
		check(err)
		return made.Value
	}
	source, err := google.DefaultTokenSource(context.Background(), scope)
	check(err)
	made, err := source.Token()
	check(err)
	return made.AccessToken
}

// The HTTP status and the body of the answer, without its line breaks.
func query(token string) string {
	url := os.Getenv("BIGQUERY") + "/projects/" + os.Getenv("GOOGLE_CLOUD_PROJECT") + "/queries"
	body := strings.NewReader(`{"query": "SELECT 1 AS one", "useLegacySql": false}`)
	request, err := http.NewRequest(http.MethodPost, url, body)
	check(err)
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	check(err)
	return fmt.Sprint(answer.StatusCode, " ", strings.Join(strings.Fields(string(text)), " "))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
