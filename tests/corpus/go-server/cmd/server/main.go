package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Println("served", len(os.Args))
}
