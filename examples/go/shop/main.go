// A shop: sells credits, sells a sword, and is refused. Needs WALLET_URL and WALLET_TOKEN (role service).
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"example.com/wallet/wallet"
)

func main() {
	ctx := context.Background()
	client := wallet.New(os.Getenv("WALLET_URL"), wallet.Static(os.Getenv("WALLET_TOKEN")))
	dana := client.Wallet("dana", "GOLD")
	metadata := wallet.Metadata{"item": "sword"}

	opened, err := dana.Open(ctx)
	check(err)
	fmt.Println("wallet", opened.ID)
	bought, err := dana.TopUp(ctx, 100, "payment-1", nil)
	check(err)
	fmt.Println("bought", bought.Balance)
	spent, err := dana.Spend(ctx, 30, "order-1", metadata)
	check(err)
	fmt.Println("spent, left", spent.Balance)

	again, err := dana.Spend(ctx, 30, "order-1", metadata)
	check(err)
	fmt.Println("the same key again: booked before", again.Replayed)

	_, err = dana.Spend(ctx, 500, "order-2", nil)
	var refused *wallet.Refused
	if !errors.As(err, &refused) {
		log.Fatal("not refused: ", err)
	}
	fmt.Println(refused.Code, "available", refused.Detail["available"], "requested", refused.Detail["requested"])

	check(dana.History(ctx, 100, func(entry wallet.Entry) error {
		fmt.Println(entry.Seq, entry.Kind, entry.Side, entry.Amount, entry.Balance)
		return nil
	}))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
