module kelisim

go 1.26

ignore ./js/node_modules
