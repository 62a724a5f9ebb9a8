//! A shopper's rating of an ended conversation.

use serde::Deserialize;
use utoipa::ToSchema;

use crate::problem::Problem;

/// The body of a rating.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RatingBody {
    /// 1 to 5.
    #[schema(minimum = 1, maximum = 5)]
    stars: u8,
    /// In the shopper's words.
    #[schema(max_length = 2000)]
    comment: Option<String>,
}

impl RatingBody {
    /// The stars and the comment, or what is wrong with them.
    pub(crate) fn bounded(self) -> Result<(u8, Option<String>), Problem> {
        if !(1..=5).contains(&self.stars) {
            return Err(Problem::unprocessable("stars goes from 1 to 5."));
        }
        let comment = self
            .comment
            .map(|comment| comment.trim().to_owned())
            .filter(|comment| !comment.is_empty());
        if comment
            .as_ref()
            .is_some_and(|text| text.chars().count() > 2000)
        {
            return Err(Problem::unprocessable("comment may have 2000 characters."));
        }
        Ok((self.stars, comment))
    }
}
