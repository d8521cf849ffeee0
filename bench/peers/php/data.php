<?php
// SPDX-License-Identifier: ISC
// The peer in PHP, run by php-fpm.
for ($round = 0; $round < 100; $round++) {
    $city = sprintf("Value: %d", $round);
}
header("Content-Type: application/json");
$text = json_encode(["street" => "10 Downing Street", "city" => $city]);
header("Content-Length: " . strlen($text));
echo $text;
