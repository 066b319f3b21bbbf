// SPDX-License-Identifier: GPL-2.0 OR MIT

//! What the words of a command line or batch mean.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

pub use switchyard_config::units::{
    bytes, duration, list, microseconds, milliseconds, port, seconds, List,
};
use switchyard_netlink::{
    parse_prefix, ConnectionState, DestinationKey, DestinationSettings, Forwarding, ServiceKey,
    StateTimeout,
};

/// `on` or `off`.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" | "yes" => Ok(true),
        "off" | "no" => Ok(false),
        _ => Err(format!("`{text}` is neither `on` nor `off`")),
    }
}

/// `established=15m`.
pub fn state_timeout(text: &str) -> Result<StateTimeout, String> {
    let (state, time) = text
        .split_once('=')
        .ok_or_else(|| format!("`{text}` is no timeout; write it as `established=15m`"))?;
    Ok(StateTimeout {
        state: ConnectionState::from_str(state).map_err(|e| e.to_string())?,
        milliseconds: milliseconds(time)?,
    })
}

/// A client, or the clients of a prefix, and perhaps a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Client {
    /// The address.
    pub address: IpAddr,
    /// How many bits of it count.
    pub prefix_length: Option<u8>,
    /// The port.
    pub port: Option<u16>,
}

/// Reads a client.
pub fn client(text: &str) -> Result<Client, String> {
    if let Ok(Place { address, port }) = place(text) {
        return Ok(Client {
            address,
            prefix_length: None,
            port,
        });
    }
    let (address, prefix_length) = parse_prefix(text).map_err(|e| e.to_string())?;
    Ok(Client {
        address,
        prefix_length,
        port: None,
    })
}

/// An address and perhaps a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: Option<u16>,
}

/// Reads an address and perhaps a port.
pub fn place(text: &str) -> Result<Place, String> {
    if let Ok(address) = text.parse() {
        return Ok(Place {
            address,
            port: None,
        });
    }
    match text.parse::<SocketAddr>() {
        Ok(endpoint) if endpoint.port() != 0 => Ok(Place {
            address: endpoint.ip(),
            port: Some(endpoint.port()),
        }),
        _ => match parse_prefix(text) {
            Ok((address, None)) => Ok(Place {
                address,
                port: None,
            }),
            _ => Err(format!(
                "`{text}` is neither an address nor an address and a port"
            )),
        },
    }
}

/// One word with `://`, or two.
pub fn service(words: &[String]) -> Result<ServiceKey, String> {
    words
        .join(" ")
        .parse()
        .map_err(|e: switchyard_netlink::ParseError| e.to_string())
}

/// None, or a service.
pub fn service_choice(words: &[String]) -> Result<Option<ServiceKey>, String> {
    if words.is_empty() {
        return Ok(None);
    }
    service(words).map(Some)
}

/// A service of one or two words, then the destination.
pub fn destination(words: &[String]) -> Result<DestinationKey, String> {
    let too_few = "a service and a destination are wanted, as in `tcp 10.0.0.1:80 10.1.0.2:8080`";
    let (destination, key) = words.split_last().ok_or(too_few)?;
    // `tcp 10.0.0.1:80`, and the destination left out.
    if key.len() == 1 && !key.iter().any(|word| word.contains("://")) {
        return Err(too_few.to_owned());
    }
    DestinationKey::parse(service(key)?, destination).map_err(|e| e.to_string())
}

/// A destination as it stands on the command line, with what follows from its
/// name: `local` is forwarded to as no other one.
pub fn named_destination(key: DestinationKey, name: &str) -> DestinationSettings {
    DestinationSettings {
        forwarding: (name == "local").then_some(Forwarding::Local),
        ..DestinationSettings::new(key)
    }
}

/// `10.1.0.2:8080`, then perhaps options as in `,weight=2`, which are those of
/// `destination add`.
pub fn destination_with_options(
    service: ServiceKey,
    text: &str,
) -> Result<DestinationSettings, String> {
    let mut parts = text.split(',');
    let name = parts.next().unwrap_or_default();
    let key = DestinationKey::parse(service, name).map_err(|e| e.to_string())?;
    let mut settings = named_destination(key, name);
    for part in parts {
        let (option, value) = part
            .split_once('=')
            .ok_or_else(|| format!("`{part}` is unknown here; write options as `weight=2`"))?;
        match option {
            "weight" => settings.weight = Some(value_of(option, value)?),
            "forwarding" => settings.forwarding = Some(value_of(option, value)?),
            "encapsulation" => settings.encapsulation = Some(value_of(option, value)?),
            "encapsulation-port" => settings.encapsulation_port = Some(port(value)?),
            "state" => settings.state = Some(value_of(option, value)?),
            "upper-limit" => settings.upper_limit = Some(value_of(option, value)?),
            "lower-limit" => settings.lower_limit = Some(value_of(option, value)?),
            _ => {
                return Err(format!(
                    "`{option}` is unknown here; weight, forwarding, encapsulation, \
                     encapsulation-port, state, upper-limit and lower-limit are known"
                ));
            }
        }
    }
    Ok(settings)
}

fn value_of<T: FromStr>(option: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("`{value}` is no value of `{option}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn destinations_in_both_spellings() {
        let two = destination(&words("tcp 10.0.0.1:80 10.1.0.2:8080")).unwrap();
        assert_eq!(
            destination(&words("tcp://10.0.0.1:80 10.1.0.2:8080")),
            Ok(two)
        );
        assert_eq!(two.port, Some(8080));
        for text in ["tcp 10.0.0.1:80", "tcp", "", "tcp://10.0.0.1:80"] {
            assert!(destination(&words(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn options_of_destinations() {
        let service = "tcp 10.0.0.1:80".parse().unwrap();
        let read = |text| destination_with_options(service, text);
        let settings = read("10.1.0.2:8080,weight=3").unwrap();
        assert_eq!(settings.weight, Some(3));
        assert_eq!(settings.key.port, Some(8080));
        assert_eq!(settings.forwarding, None);
        let settings = read(
            "[2001:db8::2],forwarding=tunnel,encapsulation=gue,encapsulation-port=6081,\
             upper-limit=10,lower-limit=5,state=down",
        )
        .unwrap();
        assert_eq!(settings.forwarding, Some(Forwarding::Tunnel));
        assert_eq!(settings.encapsulation_port, Some(6081));
        assert_eq!(
            (settings.upper_limit, settings.lower_limit),
            (Some(10), Some(5))
        );
        assert_eq!(read("local").unwrap().forwarding, Some(Forwarding::Local));
        for text in [
            "10.1.0.2:80,weight=x",
            "10.1.0.2:80,colour=red",
            "10.1.0.2:80,forwarding=masq",
            "10.1.0.2:80,weight",
            "",
            "x",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn switches_and_timeouts() {
        assert_eq!((switch("on"), switch("off")), (Ok(true), Ok(false)));
        assert!(switch("maybe").is_err());
        let timeout = state_timeout("established=15m").unwrap();
        assert_eq!(timeout.state, ConnectionState::Established);
        assert_eq!(timeout.milliseconds, 900_000);
        assert_eq!(state_timeout("udp=1500ms").unwrap().milliseconds, 1500);
        for text in ["established", "established=15", "open=1s", "udp=1us"] {
            assert!(state_timeout(text).is_err(), "{text}");
        }
    }

    #[test]
    fn clients() {
        for (text, address, prefix_length, port) in [
            ("198.51.100.7", "198.51.100.7", None, None),
            ("198.51.100.7:9", "198.51.100.7", None, Some(9)),
            ("198.51.100.0/24", "198.51.100.0", Some(24), None),
            ("2001:db8::1", "2001:db8::1", None, None),
            ("[2001:db8::1]:9", "2001:db8::1", None, Some(9)),
            ("2001:db8::/64", "2001:db8::", Some(64), None),
            ("[2001:db8::1]", "2001:db8::1", None, None),
        ] {
            let address = address.parse().unwrap();
            let wanted = Client {
                address,
                prefix_length,
                port,
            };
            assert_eq!(client(text), Ok(wanted), "{text}");
        }
        for text in [
            "",
            "x",
            "198.51.100.7:0",
            "198.51.100.7/24",
            "198.51.100.7:x",
        ] {
            assert!(client(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_word_does_harm(text in "\\PC{0,40}") {
            let _ = (service(&words(&text)), destination(&words(&text)));
            let _ = destination_with_options("udp 10.0.0.1:53".parse().unwrap(), &text);
        }
    }
}
