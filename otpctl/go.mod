module streamotp/otpctl

go 1.26
