set out [open [lindex $argv 0] w]
foreach {month days} {jan 31 apr 30 jul 31 oct 31} {
    puts $out [format "%-4s%d" $month $days]
}
close $out
