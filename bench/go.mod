module streamotp/bench

go 1.26
