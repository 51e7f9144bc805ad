// The client under test: reads a command a line, as JSON, and writes what came of it. See docs/client.md.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"log"
	"os"
	"strconv"
	"time"

	"example.com/wallet/wallet"
)

type request struct {
	Kind, Owner, Asset, To, Amount, Key string
}

type command struct {
	Do                                       string
	URL                                      string
	Deadline, TryTimeout                     float64
	Owner, Asset, To, Amount, Key, ExpiresAt string
	HoldID                                   string `json:"holdId"`
	TransferID                               string `json:"transferId"`
	PageSize                                 int
	Metadata                                 wallet.Metadata
	Requests                                 []request
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<24)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var asked command
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			log.Fatal(err)
		}
		done, err := do(asked)
		var refused *wallet.Refused
		var unknown *wallet.OutcomeUnknown
		result := map[string]any{"done": done}
		if errors.As(err, &refused) {
			result = map[string]any{"refused": refusal(refused)}
		} else if errors.As(err, &unknown) {
			keys := append([]string{}, unknown.Keys...)
			result = map[string]any{"unknown": map[string]any{"keys": keys, "sent": unknown.Sent}}
		} else if err != nil {
			log.Fatal(err)
		}
		if err := out.Encode(result); err != nil {
			log.Fatal(err)
		}
	}
}

func do(asked command) (any, error) {
	ctx := context.Background()
	url := asked.URL
	if url == "" {
		url = os.Getenv("WALLET_URL")
	}
	client := wallet.New(url, wallet.Static(os.Getenv("WALLET_TOKEN")))
	client.Deadline = seconds(asked.Deadline, 60)
	client.TryTimeout = seconds(asked.TryTimeout, 20)
	own := client.Wallet(asked.Owner, asked.Asset)
	amount := number(asked.Amount)
	switch asked.Do {
	case "open":
		return own.Open(ctx)
	case "top_up":
		return own.TopUp(ctx, amount, asked.Key, asked.Metadata)
	case "bonus":
		return own.Bonus(ctx, amount, asked.Key, asked.ExpiresAt, asked.Metadata)
	case "spend":
		return own.Spend(ctx, amount, asked.Key, asked.Metadata)
	case "transfer":
		return own.Transfer(ctx, client.Wallet(asked.To, asked.Asset), amount, asked.Key, asked.Metadata)
	case "hold":
		return own.Hold(ctx, amount, asked.Key, asked.ExpiresAt, asked.Metadata)
	case "capture":
		return own.Capture(ctx, asked.HoldID, amount, asked.Key, asked.Metadata)
	case "release":
		return own.Release(ctx, asked.HoldID, asked.Key, asked.Metadata)
	case "reverse":
		return own.Reverse(ctx, asked.TransferID, amount, asked.Key, asked.Metadata)
	case "balance":
		return own.Balance(ctx)
	case "history":
		size := asked.PageSize
		if size == 0 {
			size = 100
		}
		entries := []wallet.Entry{}
		err := own.History(ctx, size, func(entry wallet.Entry) error {
			entries = append(entries, entry)
			return nil
		})
		return entries, err
	case "post_each":
		outcomes, err := client.PostEach(ctx, requestsOf(client, asked))
		results := make([]any, len(outcomes))
		for place, one := range outcomes {
			if one.Refused != nil {
				results[place] = map[string]any{"refused": refusal(one.Refused)}
			} else {
				results[place] = map[string]any{"receipt": one.Receipt}
			}
		}
		return results, err
	case "post_batch":
		return client.PostBatch(ctx, requestsOf(client, asked))
	}
	return nil, errors.New("no such command: " + asked.Do)
}

func requestsOf(client *wallet.Client, asked command) []wallet.Request {
	requests := make([]wallet.Request, len(asked.Requests))
	for place, one := range asked.Requests {
		requests[place] = wallet.Request{Kind: one.Kind, Wallet: client.Wallet(one.Owner, one.Asset), Amount: number(one.Amount), Key: one.Key}
		if one.To != "" {
			requests[place].To = client.Wallet(one.To, one.Asset)
		}
	}
	return requests
}

func refusal(refused *wallet.Refused) map[string]any {
	detail := refused.Detail
	if detail == nil {
		detail = map[string]any{}
	}
	return map[string]any{"code": refused.Code, "detail": detail, "inDoubt": refused.InDoubt}
}

func number(text string) int64 {
	if text == "" {
		return 0
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func seconds(given, otherwise float64) time.Duration {
	if given == 0 {
		given = otherwise
	}
	return time.Duration(given * float64(time.Second))
}
