#!/bin/sh
docker swarm join --token SWMTKN-1-example 10.0.0.1
