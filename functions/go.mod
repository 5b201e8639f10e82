module streamotp/functions

go 1.26
