use strict;
use warnings;

my %total;
while (<>) {
    chomp;
    my ($region, $amount) = split /,/;
    $total{$region} += $amount;
}
printf "%-8s %8.2f\n", $_, $total{$_} for sort keys %total;
