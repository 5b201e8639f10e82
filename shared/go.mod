module streamotp/shared

go 1.26
