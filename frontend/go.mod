module streamotp/frontend

go 1.26
