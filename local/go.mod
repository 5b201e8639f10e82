module streamotp/local

go 1.26
