"""What is known of each file: the sha256 of the file, and where a public copy lives."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Download:
    """A public address, the member if it is a zip, and the sha256 of the unpacked content."""

    address: str
    sha256: str
    member: str | None = None


SHA256: dict[str, str] = {
    "tinyshakespeare.txt.gz": "13125fe8f49092165d7d489e3944db52d1ba546e64a60080cc9523bcd0c5e46a",
    "lobster_AMZN_2012-06-21_message_1.csv.gz": "987e098d283b1854c7377bc9800fec1dca056ad5afc02f7728ef63f799841ccf",
    "lobster_AMZN_2012-06-21_orderbook_1.csv.gz": "d10d72005453a1993be69c90b27d9e15730e6bd8e591eeba614089223349888a",
    "lobster_AMZN_2012-06-21_message_5.csv.gz": "c611fca879b890b7652882eb71c313ad6fe700a74de18f615f99d2d9588c2832",
    "lobster_AMZN_2012-06-21_orderbook_5.csv.gz": "53cd12ae325b2d1d7f48df56e02657972b271bfd0afdcffe62ce7e613ef3bf27",
    "santafe_laser_A.npz": "a713573bc80195b09a8530456da2972a0f56dcbfe3d498453a89b8aa1e773163",
    "japanese_vowels.npz": "8cb4e25bde2d87d1ae0be70a89f5778de17783c81f7340748c60869a9be4f2ee",
    "opendpd_DPA_100MHz.npz": "b28940da03c71311ca7b0c15a234a6fe767838e0c5f3550f5c56c2dc996e9353",
    "wiener_hammerstein_2009.npz": "de3157e07127b93d49c7665ad0c9314397e080344033ad161530e7b7e87fd192",
    "silverbox_SNLS80mV.npz": "d08e326cc834e9fe05e6e721e279de48115df03f972e279ed99e6f22760eab21",
    "au_temperature_5cities_halfhourly.npz": "94ee346e3f3a61222b4f4555a27c4dfaed4b44628d09b08a1e2aa715d36ac498",
    "jena_climate_2009_2016.csv": "eb3df9da6c25039f10814ded0a14138bb0afa3612be9cf79cafdf1cf6f95172e",
    "jena_2020_standardised_part.npz": "7a5278ee18d307b41f5b3ef9b70d8dc6f30ab0a6c6009bad52ab3a8595640e81",
}
"""File name in the data folder → sha256 of that file."""

DOWNLOADS: dict[str, Download] = {
    "tinyshakespeare.txt.gz": Download(
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "lobster_AMZN_2012-06-21_message_1.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_1.zip",
        "9506cea0aab42b2815e13d2f2485b39ef6c0aa212d1bb68f344a52f0a24475f5",
        "AMZN_2012-06-21_34200000_57600000_message_1.csv",
    ),
    "lobster_AMZN_2012-06-21_message_5.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
        "be35922a0a6e677d153b5e47dd63c0107a32ae35e3a15003eed089e19f0a882e",
        "AMZN_2012-06-21_34200000_57600000_message_5.csv",
    ),
    "lobster_AMZN_2012-06-21_orderbook_1.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_1.zip",
        "7c0c4664935a661ec467358a0d1c7bd5ad4e17c8d895c9198af1de3b6e95764a",
        "AMZN_2012-06-21_34200000_57600000_orderbook_1.csv",
    ),
    "lobster_AMZN_2012-06-21_orderbook_5.csv.gz": Download(
        "https://lobsterdata.com/info/sample/LOBSTER_SampleFile_AMZN_2012-06-21_5.zip",
        "e2d3408318ae76200eba27cb9b7cb326aeb73e933d45af261b7db6886051caae",
        "AMZN_2012-06-21_34200000_57600000_orderbook_5.csv",
    ),
}
"""File name → the public copy. The addresses are unverified; a wrong one can only fail: the hash is checked."""
