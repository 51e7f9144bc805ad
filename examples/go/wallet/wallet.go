// Package wallet is a client of the wallet service, by the standard library alone.
//
// Every call that books takes an idempotency key. It is sent again, always the same, until it is answered or its time is
// over, so it is booked once at most:
//
//	client := wallet.New("http://localhost:5678", wallet.Static(token))
//	receipt, err := client.Wallet("alice", "GOLD").Spend(ctx, 30, "order-42", nil)
//
// Two errors to know: *Refused (the service said no, nothing has changed) and *OutcomeUnknown (ask again, with its key).
// Amounts are whole minor units.
package wallet

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	firstPause    = 100 * time.Millisecond
	longestPause  = 5 * time.Second
	receiptFields = "transferId walletId seq kind amount bonusAmount balance bonusBalance heldBalance available holdId replayed owed inFlight createdAt"
	entryFields   = "seq kind side amount bonusAmount heldAmount balance bonusBalance heldBalance counterparty createdAt transferId transfer{idemKey actor metadata}"
)

// Token gives the token of a try: keep it as long as it is good.
type Token func(ctx context.Context) (string, error)

// Static is a token that stays the same.
func Static(token string) Token {
	return func(context.Context) (string, error) { return token, nil }
}

// Metadata are facts to keep with a movement.
type Metadata map[string]any

// Client calls one service.
type Client struct {
	// Deadline is how long a call may take in all.
	Deadline time.Duration
	// TryTimeout is how long a try is waited for before the same call is sent again.
	TryTimeout time.Duration
	// HTTP sends the requests.
	HTTP    *http.Client
	address string
	token   Token
}

// New makes a client of the service at url.
func New(url string, token Token) *Client {
	return &Client{
		Deadline:   30 * time.Second,
		TryTimeout: 10 * time.Second,
		HTTP:       &http.Client{},
		address:    strings.TrimRight(url, "/") + "/graphql",
		token:      token,
	}
}

// Refused says that the service said no: nothing has changed.
type Refused struct {
	Code    string
	Message string
	Hint    string
	// Detail has the facts; amounts are texts.
	Detail map[string]any
	// InDoubt: an earlier try got no final answer, and may still be booked; the same call with the same key tells.
	InDoubt bool
}

func (r *Refused) Error() string { return r.Message }

// OutcomeUnknown says that no answer came in time. It may have been booked: the same call with the same key tells.
type OutcomeUnknown struct {
	// Keys are those of the call.
	Keys []string
	// Sent is false where it is certain that nothing got to the service.
	Sent  bool
	Cause error
}

func (o *OutcomeUnknown) Error() string { return fmt.Sprintf("outcome unknown: %v", o.Cause) }
func (o *OutcomeUnknown) Unwrap() error { return o.Cause }

// Receipt is what a booking did, and the wallet that it acted for as it left it.
type Receipt struct {
	TransferID   string  `json:"transferId"`
	WalletID     string  `json:"walletId"`
	Seq          int64   `json:"seq,string"`
	Kind         string  `json:"kind"`
	Amount       int64   `json:"amount,string"`
	BonusAmount  int64   `json:"bonusAmount,string"`
	Balance      int64   `json:"balance,string"`
	BonusBalance int64   `json:"bonusBalance,string"`
	HeldBalance  int64   `json:"heldBalance,string"`
	Available    int64   `json:"available,string"`
	HoldID       *string `json:"holdId"`
	Replayed     bool    `json:"replayed"`
	Owed         int64   `json:"owed,string"`
	InFlight     bool    `json:"inFlight"`
	CreatedAt    string  `json:"createdAt"`
}

// Balance is what a wallet has.
type Balance struct {
	Balance      int64  `json:"balance,string"`
	BonusBalance int64  `json:"bonusBalance,string"`
	HeldBalance  int64  `json:"heldBalance,string"`
	Available    int64  `json:"available,string"`
	Seq          int64  `json:"seq,string"`
	AsOf         string `json:"asOf"`
}

// Opened is a wallet as it was opened.
type Opened struct {
	ID        string `json:"id"`
	OwnerID   string `json:"ownerId"`
	AssetCode string `json:"assetCode"`
	Status    string `json:"status"`
	CreatedAt string `json:"createdAt"`
}

// Entry is a line of a wallet's history.
type Entry struct {
	Seq          int64   `json:"seq,string"`
	Kind         string  `json:"kind"`
	Side         string  `json:"side"`
	Amount       int64   `json:"amount,string"`
	BonusAmount  int64   `json:"bonusAmount,string"`
	HeldAmount   int64   `json:"heldAmount,string"`
	Balance      int64   `json:"balance,string"`
	BonusBalance int64   `json:"bonusBalance,string"`
	HeldBalance  int64   `json:"heldBalance,string"`
	Counterparty *string `json:"counterparty"`
	CreatedAt    string  `json:"createdAt"`
	TransferID   string  `json:"transferId"`
	Transfer     *struct {
		IdemKey  *string  `json:"idemKey"`
		Actor    string   `json:"actor"`
		Metadata Metadata `json:"metadata"`
	} `json:"transfer"`
}

// Request is one of many calls in one.
type Request struct {
	Kind     string
	Wallet   *Wallet
	To       *Wallet
	Amount   int64
	Key      string
	Metadata Metadata
}

// Outcome is what came of one of many calls: one of the two.
type Outcome struct {
	Receipt *Receipt
	Refused *Refused
}

// Wallet is one owner's credits of one asset; ID is derived from the two, so nobody has to look it up.
type Wallet struct {
	ID     string
	Owner  string
	Asset  string
	client *Client
}

// Wallet names an owner's wallet. It asks nobody: Open opens it.
func (c *Client) Wallet(owner, asset string) *Wallet {
	return &Wallet{ID: WalletID(owner, asset), Owner: owner, Asset: asset, client: c}
}

// PostEach books many movements in one call, each for itself.
func (c *Client) PostEach(ctx context.Context, requests []Request) ([]Outcome, error) {
	input, keys := many(requests)
	var items []struct {
		Receipt *Receipt
		Refusal *struct {
			Code, Message, Hint string
			Detail              map[string]any
		}
	}
	fields := "outcomes{receipt{" + receiptFields + "}refusal{code message detail hint}}"
	inDoubt, err := c.mutate(ctx, "PostEach", fields, input, keys, &items)
	outcomes := make([]Outcome, len(items))
	for place, item := range items {
		outcomes[place].Receipt = item.Receipt
		if refusal := item.Refusal; refusal != nil {
			outcomes[place].Refused = &Refused{refusal.Code, refusal.Message, refusal.Hint, refusal.Detail, inDoubt}
		}
	}
	return outcomes, err
}

// PostBatch books many movements in one call, all or none.
func (c *Client) PostBatch(ctx context.Context, requests []Request) ([]Receipt, error) {
	input, keys := many(requests)
	var receipts []Receipt
	_, err := c.mutate(ctx, "PostBatch", "receipts{"+receiptFields+"}", input, keys, &receipts)
	return receipts, err
}

// Open opens the wallet, or returns it as it is.
func (w *Wallet) Open(ctx context.Context) (Opened, error) {
	var opened Opened
	input := map[string]any{"ownerId": w.Owner, "assetCode": w.Asset}
	_, err := w.client.mutate(ctx, "Open", "wallet{id ownerId assetCode status createdAt}", input, nil, &opened)
	return opened, err
}

// TopUp books credits that were bought.
func (w *Wallet) TopUp(ctx context.Context, amount int64, key string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "TopUp", key, metadata, map[string]any{"amount": text(amount)})
}

// Bonus grants credits for nothing, until expiresAt, or for ever where that is empty.
func (w *Wallet) Bonus(ctx context.Context, amount int64, key, expiresAt string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "Bonus", key, metadata, expiring(amount, expiresAt))
}

// Spend books a purchase.
func (w *Wallet) Spend(ctx context.Context, amount int64, key string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "Spend", key, metadata, map[string]any{"amount": text(amount)})
}

// Transfer moves credits to another wallet of the same asset.
func (w *Wallet) Transfer(ctx context.Context, to *Wallet, amount int64, key string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "Transfer", key, metadata, map[string]any{"toWallet": to.ID, "amount": text(amount)})
}

// Hold reserves credits, until expiresAt, or until they are captured or released where that is empty.
func (w *Wallet) Hold(ctx context.Context, amount int64, key, expiresAt string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "Hold", key, metadata, expiring(amount, expiresAt))
}

// Capture spends what a hold reserves, or a part of it; all of it where amount is 0.
func (w *Wallet) Capture(ctx context.Context, holdID string, amount int64, key string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "Capture", key, metadata, partly(amount, "holdId", holdID))
}

// Release ends a hold without a purchase.
func (w *Wallet) Release(ctx context.Context, holdID, key string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "Release", key, metadata, map[string]any{"holdId": holdID})
}

// Reverse takes a movement back, all that is left of it where amount is 0; for operators.
func (w *Wallet) Reverse(ctx context.Context, transferID string, amount int64, key string, metadata Metadata) (Receipt, error) {
	return w.post(ctx, "Reverse", key, metadata, partly(amount, "transferId", transferID))
}

// Balance is what the wallet has now.
func (w *Wallet) Balance(ctx context.Context) (Balance, error) {
	query := "query($id:UUID!){payload:walletBalance(walletId:$id){balance bonusBalance heldBalance available seq asOf}}"
	var balance Balance
	_, err := w.client.call(ctx, query, map[string]any{"id": w.ID}, nil, &balance)
	return balance, err
}

// History calls use with each line, oldest first, a page of so many at a time, until there are no more or it fails.
func (w *Wallet) History(ctx context.Context, pageSize int, use func(Entry) error) error {
	query := "query($id:UUID!,$first:Int,$after:Cursor){payload:wallet(id:$id){entries(first:$first,after:$after," +
		"orderBy:[PRIMARY_KEY_ASC]){pageInfo{hasNextPage endCursor}nodes{" + entryFields + "}}}}"
	var after *string
	for {
		var found *struct {
			Entries struct {
				PageInfo struct {
					HasNextPage bool
					EndCursor   *string
				}
				Nodes []Entry
			}
		}
		variables := map[string]any{"id": w.ID, "first": pageSize, "after": after}
		if _, err := w.client.call(ctx, query, variables, nil, &found); err != nil {
			return err
		}
		if found == nil {
			detail := map[string]any{"wallet_id": w.ID}
			return &Refused{Code: "WALLET_NOT_FOUND", Message: "wallet not found: " + w.ID, Detail: detail}
		}
		for _, entry := range found.Entries.Nodes {
			if err := use(entry); err != nil {
				return err
			}
		}
		if !found.Entries.PageInfo.HasNextPage {
			return nil
		}
		after = found.Entries.PageInfo.EndCursor
	}
}

// WalletID is the same as ledger.wallet_id in SQL: a UUID of version 8 from a SHA-256 over an array as PostgreSQL writes it.
func WalletID(owner, asset string) string {
	var array bytes.Buffer
	for _, number := range []uint32{1, 0, 17, 3, 1} {
		_ = binary.Write(&array, binary.BigEndian, number)
	}
	for _, part := range []string{"ledger.wallet.v1", owner, asset} {
		_ = binary.Write(&array, binary.BigEndian, uint32(len(part)))
		array.WriteString(part)
	}
	id := sha256.Sum256(array.Bytes())
	id[6] = id[6]&15 | 128
	id[8] = id[8]&63 | 128
	digits := hex.EncodeToString(id[:16])
	return strings.Join([]string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}, "-")
}

func (w *Wallet) post(ctx context.Context, name, key string, metadata Metadata, input map[string]any) (Receipt, error) {
	of := "walletId"
	if name == "Transfer" {
		of = "fromWallet"
	}
	input[of] = w.ID
	input["idemKey"] = key
	if metadata != nil {
		input["metadata"] = metadata
	}
	var receipt Receipt
	_, err := w.client.mutate(ctx, name, "receipt{"+receiptFields+"}", input, []string{key}, &receipt)
	return receipt, err
}

func (c *Client) mutate(ctx context.Context, name, result string, input map[string]any, keys []string, into any) (bool, error) {
	query := fmt.Sprintf("mutation($input:Wallet%sInput!){payload:wallet%s(input:$input){result:%s}}", name, name, result)
	payload := struct{ Result any }{into}
	return c.call(ctx, query, map[string]any{"input": input}, keys, &payload)
}

// An answer of the service.
type answer struct {
	Data *struct {
		Payload json.RawMessage
	}
	Errors []answered
}

type answered struct {
	Message    string
	Extensions struct {
		Code   string
		Detail map[string]any
		Hint   string
	}
}

// Sends a document until it is answered; tells whether an earlier try got no final answer.
func (c *Client) call(ctx context.Context, query string, variables map[string]any, keys []string, into any) (bool, error) {
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Deadline)
	defer cancel()
	sent := false
	for tries := 0; ; tries++ {
		inDoubt := sent
		wait, cause := c.try(ctx, body, &sent, into)
		if cause == nil {
			return inDoubt, nil
		}
		var refused *Refused
		if errors.As(cause, &refused) {
			refused.InDoubt = inDoubt
			return inDoubt, refused
		}
		// Anything up to a bound that doubles, so that many callers do not come back at once.
		bound := longestPause
		if tries < 6 {
			bound = firstPause << tries
		}
		wait += upTo(bound)
		end, _ := ctx.Deadline()
		if ctx.Err() != nil || time.Now().Add(wait).After(end) {
			return inDoubt, &OutcomeUnknown{Keys: keys, Sent: sent, Cause: cause}
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// One try. Where it is to be sent again: why, and how long to wait at least.
func (c *Client) try(ctx context.Context, body []byte, sent *bool, into any) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, c.TryTimeout)
	defer cancel()
	before := *sent
	token, err := c.token(ctx)
	if err != nil {
		return 0, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.address, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Authorization", "Bearer "+token)
	*sent = true
	response, err := c.HTTP.Do(request)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) && dial.Op == "dial" {
			// No connection was made.
			*sent = before
		}
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusTooManyRequests {
		*sent = before
	}
	bytes, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	wait := retryAfter(response.Header.Get("Retry-After"))
	var read answer
	if json.Unmarshal(bytes, &read) != nil || (read.Data == nil && (len(read.Errors) == 0 || read.Errors[0].Extensions.Code == "")) {
		read = byStatus(response.StatusCode)
	}
	if len(read.Errors) == 0 && read.Data != nil {
		return 0, json.Unmarshal(read.Data.Payload, into)
	}
	if len(read.Errors) == 0 {
		return wait, fmt.Errorf("the service answered with %d", response.StatusCode)
	}
	first := read.Errors[0]
	switch first.Extensions.Code {
	case "RETRY", "TIMEOUT", "INTERNAL", "RATE_LIMITED":
		// It was not booked, or it is not known.
		return wait, errors.New(first.Message)
	}
	return 0, &Refused{Code: first.Extensions.Code, Message: first.Message, Hint: first.Extensions.Hint, Detail: first.Extensions.Detail}
}

// What an answer says that is not the service's own, such as a page of a load balancer.
func byStatus(status int) answer {
	if status < 400 || status >= 500 || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests {
		return answer{}
	}
	one := answered{Message: fmt.Sprintf("the address answered with %d", status)}
	one.Extensions.Code = "BAD_REQUEST"
	if status == http.StatusUnauthorized {
		one.Extensions.Code = "UNAUTHENTICATED"
	} else if status == http.StatusNotFound {
		one.Extensions.Code = "NOT_FOUND"
	}
	return answer{Errors: []answered{one}}
}

// Another one in each process: the plain generator begins alike in all of them.
func upTo(bound time.Duration) time.Duration {
	drawn, err := rand.Int(rand.Reader, big.NewInt(int64(bound)))
	if err != nil {
		return bound
	}
	return time.Duration(drawn.Int64())
}

// How long a header asks to wait for, given as seconds or as a date.
func retryAfter(header string) time.Duration {
	if seconds, err := strconv.ParseFloat(header, 64); err == nil && seconds > 0 {
		return time.Duration(seconds * float64(time.Second))
	}
	if date, err := http.ParseTime(header); err == nil && time.Until(date) > 0 {
		return time.Until(date)
	}
	return 0
}

func many(requests []Request) (map[string]any, []string) {
	inputs := make([]map[string]any, len(requests))
	keys := make([]string, len(requests))
	for place, request := range requests {
		input := map[string]any{"kind": request.Kind, "walletId": request.Wallet.ID, "idemKey": request.Key, "amount": text(request.Amount)}
		if request.To != nil {
			input["counterpartyId"] = request.To.ID
		}
		if request.Metadata != nil {
			input["metadata"] = request.Metadata
		}
		inputs[place], keys[place] = input, request.Key
	}
	return map[string]any{"requests": inputs}, keys
}

func text(amount int64) string { return strconv.FormatInt(amount, 10) }

func expiring(amount int64, expiresAt string) map[string]any {
	input := map[string]any{"amount": text(amount)}
	if expiresAt != "" {
		input["expiresAt"] = expiresAt
	}
	return input
}

func partly(amount int64, name, id string) map[string]any {
	input := map[string]any{name: id}
	if amount != 0 {
		input["amount"] = text(amount)
	}
	return input
}
